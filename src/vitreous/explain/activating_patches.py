"""Maximally activating patches: what the units of a layer react to most, cut out of real images.

Five steps: run many images through the network; look at a layer; find, for each of its channels,
the places where it is largest; map each place back to the pixels that it sees, its receptive field;
and cut these out. Only the best places are kept, so that memory does not grow with the images.
Girshick et al. (2014), "Rich feature hierarchies", arXiv:1311.2524, section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.errors import UsageError
from vitreous.explain.layer_output import layer_map, one_call
from vitreous.explain.plate import Picture, Plate, to_bytes
from vitreous.explain.unit import check_unit
from vitreous.formats import counted
from vitreous.shapes import Images
from vitreous.trace.measure.receptive import ReceptiveField, receptive_fields

EACH = 8  # patches of a unit
UNITS = 12  # that are shown, where none is named
OUTSIDE = 128  # gray of what a unit sees beyond the image


@dataclass(frozen=True)
class Patch:
    """A place where a unit is excited.

    image   number of the image; place: row and column in the layer's map
    window  top, left, bottom, right, half-open, in pixels of the network's window: all that the
            unit sees there of the image
    value   how much it is excited
    """

    image: int
    place: tuple[int, int]
    window: tuple[int, int, int, int]
    value: float


def activating_patches(
    model: nn.Module,
    batches: Iterable[Images],
    layer: str,
    *,
    units: Sequence[int] = (),
    each: int = EACH,
) -> dict[int, list[Patch]]:
    """The patches of each unit, most exciting first, no two of one image.

    batches  of images (B, C, H, W) in [0, 1], all of one size
    layer    with maps, as in `model.named_modules()`
    units    channels; () is those that are excited most beyond their own usual, UNITS of them

    Raises UsageError for an unknown layer or unit, or no images; ShapeError for a layer without
    maps.
    """
    best = _Best(each)
    size, call = (0, 0, 0), layer
    for images in batches:
        if not best.count:
            size = images.shape[1], images.shape[2], images.shape[3]
            call = one_call(model, images, layer)
        best.add(layer_map(model, images, call))
    if not best.count:
        raise UsageError("there are no images to search", remedy="Name some.")
    for unit in units:
        check_unit(unit, best.channels, layer)
    field = receptive_fields(model, size).get(layer.partition("#")[0])
    chosen = [*units] or best.remarkable(UNITS)
    return {unit: best.patches(unit, field, (size[1], size[2])) for unit in chosen}


class _Best:
    """The largest values of each channel so far: (K, each) values, images and places."""

    def __init__(self, each: int) -> None:
        self.each, self.count, self.channels = each, 0, 0
        self.size = (0, 0)
        self.total = torch.zeros(0)

    def add(self, maps: Tensor) -> None:
        maps = maps.cpu()
        batch, channels, height, width = maps.shape
        if not self.count:
            self.channels, self.size = channels, (height, width)
            self.values, self.total = maps.new_zeros(channels, 0), maps.new_zeros(channels)
            self.images = self.places = torch.zeros(channels, 0, dtype=torch.long)
        values, places = maps.flatten(2).max(2)  # the best place of each image
        numbers = self.count + torch.arange(batch)
        self.values = torch.cat([self.values, values.T], 1)
        self.places = torch.cat([self.places, places.T], 1)
        self.images = torch.cat([self.images, numbers.expand(channels, -1)], 1)
        self.values, kept = self.values.topk(min(self.each, self.values.shape[1]), dim=1)
        self.places, self.images = self.places.gather(1, kept), self.images.gather(1, kept)
        self.total = self.total + maps.mean((2, 3)).sum(0)
        self.count += batch

    def remarkable(self, count: int) -> list[int]:
        """Channels whose best values stand out most from their mean."""
        beyond = self.values.mean(1) - self.total / self.count
        return beyond.argsort(descending=True, stable=True)[:count].tolist()

    def patches(
        self, unit: int, field: ReceptiveField | None, size: tuple[int, int]
    ) -> list[Patch]:
        found = []
        for value, image, where in zip(
            self.values[unit].tolist(),
            self.images[unit].tolist(),
            self.places[unit].tolist(),
            strict=True,
        ):
            row, column = place = divmod(where, self.size[1])
            window = (0, 0, *size)
            if field is not None:
                window = field.window(row, column, size[0], size[1])
            found.append(Patch(image, place, window, value))
        return found


def cut(image: Images, window: tuple[int, int, int, int], whole: int) -> NDArray[np.uint8]:
    """A window of an image (C, H, W) as a picture, gray where it would reach beyond the image.

    whole  pixels of the side of the receptive field
    """
    top, left, bottom, right = window
    pixels = to_bytes(image[:, top:bottom, left:right].float().cpu().numpy())
    height, width = pixels.shape[:2]
    tall, wide = max(whole, height), max(whole, width)
    made = np.full((tall, wide, pixels.shape[2]), OUTSIDE, np.uint8)
    # It lacks what lies beyond the edge at which it ends.
    down = tall - height if top == 0 and bottom < image.shape[1] else 0
    across = wide - width if left == 0 and right < image.shape[2] else 0
    made[down : down + height, across : across + width] = pixels
    return made


def patch_plate(
    found: Mapping[int, Sequence[Patch]],
    layer: str,
    read: Callable[[int], Images],
    names: Callable[[int], str],
    searched: int,
) -> Plate:
    """The patches as pictures, a line for each unit.

    read   number to image (C, H, W) in [0, 1]; names: number to its name
    """
    every = [patch for patches in found.values() for patch in patches]
    whole = max(
        (max(p.window[2] - p.window[0], p.window[3] - p.window[1]) for p in every), default=1
    )
    pictures = [
        Picture(
            cut(read(patch.image), patch.window, whole),
            f"{unit}: {patch.value:.3g}, {names(patch.image).rpartition('/')[2]}",
            whole <= 64,
        )
        for unit, patches in found.items()
        for patch in patches
    ]
    size = read(every[0].image).shape[1:] if every else (1, 1)
    everything = all(patch.window == (0, 0, *size) for patch in every)
    large = whole >= max(size)
    seen = "the whole image" if large else f"{whole} by {whole} pixels"
    if large and not everything:
        seen = f"up to {seen}"
    beyond = "" if everything else " Plain gray at an edge lies beyond the image."
    return Plate(
        name=f"patches-{layer}",
        title=f"What excites {counted(len(found), 'unit')} of {layer} most",
        says=[
            f"Of {counted(searched, 'image')} the ones that excite each unit most, cut to what it "
            f"sees there: {seen}.{beyond} Below each: the unit, how much it is excited, the image."
        ],
        pictures=pictures,
        across=len(next(iter(found.values()), ())) or 1,
        facts={
            "layer": layer,
            "searched": searched,
            "field": None if large else whole,
            "units": {
                str(unit): [
                    {
                        "image": names(p.image),
                        "place": p.place,
                        "window": p.window,
                        "value": p.value,
                    }
                    for p in patches
                ]
                for unit, patches in found.items()
            },
        },
    )

"""Feature maps as pictures: what each channel of a layer makes of an image.

Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", arXiv:1311.2901.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.drawing.color_scale import shades
from vitreous.errors import UsageError
from vitreous.explain.heat import colored
from vitreous.explain.layer_output import layer_map, map_layers
from vitreous.explain.plate import Picture, Plate, to_bytes
from vitreous.formats import counted
from vitreous.shapes import Images

MOST = 39  # maps of a layer that are shown, with the image itself five lines of eight
ALL = "all"  # in place of a layer


def feature_maps(
    model: nn.Module, image: Images, layer: str, name: str = "", most: int = MOST
) -> Plate:
    """The most active channels of a layer, strongest first, after the image itself.

    image  (1, C, H, W) in [0, 1]
    layer  as in `model.named_modules()`
    name   of the image; most: channels that are shown

    Raises UsageError for a layer that there is not, ShapeError for one without maps.
    """
    maps = layer_map(model, image, layer)[0]  # (K, h, w)
    peaks = maps.abs().amax((1, 2))
    speaking = int((peaks > 0).sum())
    # Where an activation ends, as ReLU6 does at 6, many peaks are equal: then the mean decides.
    by_mean = maps.abs().mean((1, 2)).argsort(descending=True, stable=True)
    order = by_mean[peaks[by_mean].argsort(descending=True, stable=True)]
    strongest = order[: min(most, speaking)].tolist()
    low, high = float(maps.min()), float(maps.max())
    signed = low < -0.05 * high or high <= 0
    pictures = [Picture(to_bytes(image[0].float().cpu().numpy()), name, sharp=False)]
    for channel in strongest:
        least, greatest = float(maps[channel].min()), float(maps[channel].max())
        pixels = _painted(maps[channel], signed)
        line = f"{channel}: {least:.2g} to {greatest:.2g}"
        pictures.append(Picture(pixels, line))
    count, height, width = maps.shape
    silent = count - speaking
    says = [
        "Warm is above 0, blue below; white is 0. Each map has a scale of its own."
        if signed
        else "Yellow is the most that a channel says, dark blue the least, each on its own scale."
    ]
    if silent:
        says.append(f"{silent:,} of the channels are 0 everywhere, and left out.")
    of = f"The {len(strongest)} strongest of " if len(strongest) < speaking else ""
    at = f" for {name}" if name else ""
    return Plate(
        name=f"maps-{layer}",
        title=f"{of}{counted(count, 'map')} of {layer}, {width} by {height} places{at}",
        says=says,
        pictures=pictures,
        facts={
            "layer": layer,
            "channels": count,
            "silent": silent,
            "shown": strongest,
            "least": low,
            "greatest": high,
        },
    )


def layers_with_maps(model: nn.Module, images: Images, layer: str) -> list[str]:
    """That layer, or where it is "all", each stage of the network that has maps.

    Raises UsageError where none has.
    """
    if layer != ALL:
        return [layer]
    names = map_layers(model, images)
    if not names:
        raise UsageError(
            "no layer of this network keeps places apart",
            where="--maps",
            remedy="Look at its first filters: --filters.",
        )
    return names


def _painted(values: Tensor, signed: bool) -> NDArray[np.uint8]:
    numbers = values.cpu().numpy()
    if not signed:
        return shades(numbers, float(numbers.min()), float(numbers.max()))
    largest = float(np.abs(numbers).max()) or 1.0
    share = numbers / largest
    faded = np.abs(share)[..., None]
    white = np.full((*numbers.shape, 3), 255, np.float64)
    # `colored` begins at a light yellow and a light blue; what is nearly 0 is nearly white.
    near = np.clip(faded * 6, 0, 1)
    mixed: NDArray[np.uint8] = np.rint(white + near * (colored(share) - white)).astype(np.uint8)
    return mixed

"""Masks that are drawn from outlines when they are asked for: polygons, or runs of pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from vitreous.data.class_names import clean
from vitreous.data.images.frame import Size
from vitreous.data.images.polygon import filled
from vitreous.data.images.run_lengths import counts_of, decoded_counts, encoded_counts, mask_of
from vitreous.data.maps import IGNORED, MapRows, Maps
from vitreous.errors import DataError

BACKGROUND = "background"
MOST = 100_000_000  # pixels of a mask


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one class, by polygons in pixel edges or by run lengths.

    word      the class; "" where the pixels are ignored
    polygons  (n, 2) x and y each; the region is all that any of them holds
    counts    of the runs, if there are no polygons
    """

    word: str
    polygons: tuple[NDArray[np.float32], ...] = ()
    counts: NDArray[np.int64] | None = None

    def mask(self, size: Size) -> NDArray[np.bool_]:
        """(h, w) bool. Raises DataError for runs that do not fill it."""
        if self.counts is not None:
            return mask_of(self.counts.tolist(), size)
        inside = np.zeros(size, np.bool_)
        for corners in self.polygons:
            inside |= filled(corners, size)
        return inside

    def content(self) -> bytes:
        counts = b"" if self.counts is None else self.counts.tobytes()
        return b"\0".join([self.word.encode(), counts, *(p.tobytes() for p in self.polygons)])


class DrawnMasks(MapRows):
    """Masks of regions that are laid over each other: what comes later hides what came before.

    sizes    (N, 2) height and width
    regions  of each mask
    numbers  of the classes by their words; what no region covers has the number 0
    """

    def __init__(
        self,
        sizes: NDArray[np.integer[Any]],
        regions: Sequence[Sequence[Region]],
        numbers: Mapping[str, int],
    ):
        self.sizes, self.regions, self.numbers = np.asarray(sizes, np.int64), regions, numbers

    def __len__(self) -> int:
        return len(self.sizes)

    def read(self, index: int) -> NDArray[np.uint8]:
        height, width = self.sizes[index].tolist()
        mask = np.zeros((height, width), np.uint8)
        for region in self.regions[index]:
            number = self.numbers[region.word] if region.word else IGNORED
            mask[region.mask((height, width))] = number
        return mask

    def cell(self, index: int, classes: Sequence[str], folder: str | Path | None) -> str:
        """It has no file, so that the manifest has to hold it."""
        return mask_cell(self.read(index), classes)

    def stamp(self, index: int) -> bytes:
        state = hashlib.blake2b(self.sizes[index].tobytes(), digest_size=16)
        for region in self.regions[index]:
            number = self.numbers[region.word] if region.word else IGNORED
            content = region.content()
            state.update(f"{number} {len(content)} ".encode() + content)
        return state.digest()

    def digest(self, index: int) -> bytes:
        """However it is written, a mask is known by its pixels."""
        mask = self.read(index)
        size = self.sizes[index].tobytes()
        return hashlib.blake2b(size + mask.tobytes(), digest_size=16).digest()


def drawn_maps(sizes: NDArray[np.integer[Any]], regions: Sequence[Sequence[Region]]) -> Maps:
    """The column of these masks. Its classes are those of the regions by name, behind that of all
    that no region covers, which is called background. Raises DataError for too many classes.
    """
    words = {region.word for each in regions for region in each} - {""}
    behind = {word for word in words if word.lower() == BACKGROUND}
    named = sorted(words - behind)
    classes = [min(behind, default=BACKGROUND), *named]
    numbers = {**dict.fromkeys(behind, 0), **{name: n for n, name in enumerate(named, 1)}}
    return Maps(DrawnMasks(sizes, regions, numbers), classes)


def mask_cell(mask: NDArray[np.uint8], classes: Sequence[str]) -> str:
    """A mask as a cell of a manifest: JSON with its size, and COCO's runs of each class."""
    there = np.unique(mask).tolist()
    names = {number: classes[number] for number in there if 0 < number < len(classes)}
    names |= {IGNORED: ""} if IGNORED in there else {}
    runs = {name: encoded_counts(counts_of(mask == number)) for number, name in names.items()}
    return json.dumps({"size": [*mask.shape], "rest": classes[0], "runs": runs}, ensure_ascii=False)


def is_drawn(cell: str) -> bool:
    """Does a cell hold a mask, and not the path of one?"""
    return cell.lstrip().startswith("{")


def masks_of_cells(
    cells: Sequence[str], fail: Callable[[int, str], NoReturn]
) -> tuple[NDArray[np.int64], list[list[Region]]]:
    """Sizes and regions of the masks in cells that `mask_cell` wrote.

    fail  raises the error: which of the cells, and what is wrong
    """
    sizes = np.zeros((len(cells), 2), np.int64)
    regions: list[list[Region]] = []
    for place, cell in enumerate(cells):
        try:
            told = json.loads(cell)
            size, runs = told["size"], told["runs"]
            height, width = (int(side) for side in size)
            if not (height > 0 and width > 0 and height * width <= MOST):
                raise ValueError(f"a size of {size}")
            sizes[place] = height, width
            regions.append([_region(word, text, (height, width)) for word, text in runs.items()])
            if told["rest"] != BACKGROUND:  # a region of no pixels brings its name
                empty = np.array([height * width])
                regions[-1].append(Region(clean(told["rest"]), counts=empty))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            message = (
                error.message if isinstance(error, DataError) else f"is no mask: {error!r:.60}"
            )
            fail(place, message)
    return sizes, regions


def _region(word: str, text: str, size: Size) -> Region:
    counts = decoded_counts(text)
    mask_of(counts, size)
    return Region(clean(word) if word else "", counts=np.array(counts))

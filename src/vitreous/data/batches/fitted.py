"""Targets fitted into the network's window, as their images were: `Pack.targets`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.boxes import Boxes
from vitreous.data.columns import Column
from vitreous.data.dots import Dots
from vitreous.data.images.frame import Frame
from vitreous.data.maps import MapRows, Maps
from vitreous.data.parted_rows import PartedRows
from vitreous.data.points import Points
from vitreous.errors import ImageError, UsageError


class Frames(Sequence[Frame]):
    """How each image came into the window; a frame is made when it is asked for.

    sizes  (N, 2) height and width of the images, as decoded
    """

    def __init__(self, contract: PixelContract, sizes: NDArray[np.integer[Any]]):
        self.contract, self.sizes = contract, sizes
        self._frame = lru_cache(1024)(contract.frame)  # many images have one size

    def __len__(self) -> int:
        return len(self.sizes)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        height, width = self.sizes[index].tolist()
        return self._frame(height, width)


class FittedMaps(MapRows):
    """Maps that are read and fitted each time they are asked for.

    good  (N,) False where the image, or the map itself, is damaged: there nothing is known
    """

    def __init__(self, maps: Maps, frames: Frames, good: NDArray[np.bool_]):
        self.maps, self.frames, self.good = maps, frames, good

    def __len__(self) -> int:
        return len(self.maps)

    def read(self, index: int) -> NDArray[Any]:
        if not self.good[index]:
            height, width = self.frames.contract.shape[:2]
            return np.full(self.maps.shape(height, width), self.maps.fill, self.maps.dtype)
        try:
            return self.maps.row(index, self.frames[index])
        except ImageError as error:  # it becomes the reason why an image is left out
            message = f"its mask {error.where or index}: {error.message}"
            raise ImageError(message, remedy=error.remedy) from error

    def stamp(self, index: int) -> bytes:
        return self.maps.stamp(index)

    def source(self, index: int) -> str | None:
        return self.maps.source(index)


def moving(targets: Mapping[str, Column], contract: PixelContract) -> bool:
    """Do some of the targets lie in their image?

    Raises UsageError if they do and images may be decoded at another size than theirs.
    """
    names = [name for name, column in targets.items() if column.moves]
    if names and not contract.exact:
        raise UsageError(
            f"the targets {', '.join(names)} lie in their images, and JPEGs would be decoded at a "
            "smaller scale, up to a pixel beside them",
            remedy="Pack them with a contract that is exact.",
        )
    return bool(names)


def fitted(
    targets: Mapping[str, Column],
    frames: Frames,
    maps: Mapping[str, MapRows | NDArray[Any] | PartedRows],
) -> Mapping[str, Column]:
    """All columns, in the pixels of the window.

    maps  the rows (N, H, W) of those columns that are maps, by name
    """
    made: dict[str, Column] = {}
    for name, column in targets.items():
        if isinstance(column, Maps):
            made[name] = column.over(maps[name])
        elif isinstance(column, Boxes | Dots | Points):
            made[name] = column.fitted(frames)
        else:
            made[name] = column
    return made

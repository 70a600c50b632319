"""A torch `Dataset` seen as one of ours."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Dataset, Part, Pixels
from vitreous.data.formats.arrays import digest
from vitreous.data.formats.labels import encode
from vitreous.data.images.decode import decode
from vitreous.errors import DataError, ImageError


class Indexed(Protocol):
    """What a torch `Dataset` of the map style offers."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


class TorchDataset(Dataset):
    """A torch `Dataset` of (image, label): pictures of Pillow, arrays, or tensors (C, H, W).

    Labels are what `encode` takes: class numbers, real numbers, rows of 0 and 1, or masks.

    Nothing but its images tells whether they have changed, so all of them are read once before a
    pack of an earlier run is used; folders and CSV files open at the cost of a look at each file.
    """

    def __init__(self, source: Indexed):
        self.name = type(source).__name__.lower()
        self._source = source
        if not len(source):
            raise DataError("holds no images", where=self.name, remedy="Add at least one.")
        first, _ = self._item(0)
        labels = getattr(source, "targets", None)
        if labels is None or len(labels) != len(source):
            labels = [self._item(index)[1] for index in range(len(source))]
        names = getattr(source, "classes", None)
        self.targets, self.notes = encode([_array(labels, self.name)], names, self.name)
        self.parts = np.full(len(source), Part.UNASSIGNED, np.int8)
        self.channels = self._pixels(first, None, 0).shape[2]

    def id(self, index: int) -> str:
        return f"image/{index}"

    def read(self, index: int, at_least: int = 0) -> Pixels:
        return self._pixels(self._item(index)[0], self.channels, index)

    def digest(self, index: int) -> bytes:
        return digest(self.read(index))

    def _item(self, index: int) -> tuple[Any, Any]:
        item = self._source[index]
        if not isinstance(item, tuple | list) or len(item) < 2:
            raise DataError(
                f"gives a {type(item).__name__} for example {index}",
                where=self.name,
                remedy="Each example has to be a pair (image, label).",
            )
        return item[0], item[1]

    def _pixels(self, image: Any, channels: int | None, index: int) -> Pixels:
        if hasattr(image, "detach"):
            array = image.detach().cpu().numpy()
            image = np.moveaxis(array, 0, 2) if array.ndim == 3 else array
        try:
            return decode(image, channels=channels)
        except ImageError as error:
            remedy = error.remedy
            if "floats" in error.message:
                remedy = "Take normalization out of its transform: the network does that itself."
            raise ImageError(
                error.message, where=f"{self.name}, {self.id(index)}", remedy=remedy
            ) from error.__cause__


def _array(labels: Any, where: str) -> NDArray[Any]:
    try:
        return np.stack([np.asarray(label) for label in labels])
    except ValueError as error:
        raise DataError(
            f"labels differ in shape: {error}",
            where=where,
            remedy="Bring all to one shape.",
        ) from error

"""A torch `Dataset` seen as one of ours, and looked at before it is believed.

A torch `Dataset` may be anything: its attributes need not agree with its items, its first item need
not be like the others, and its transform may give another picture each time. What a split, a pack
or `resume` concludes from an item must hold when it is read again, so a sample is tried out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Dataset, Part, Pixels
from vitreous.data.formats.arrays import digest
from vitreous.data.formats.labels import encode
from vitreous.data.images.decode import decode
from vitreous.errors import DataError, ImageError, VitreousError

SAMPLE = 48  # items, spread over all, that are tried out
FIRSTS = 200  # and so many that are the first of their label

WORDS = {"U": "words", "S": "words", "b": "numbers", "i": "numbers", "u": "numbers", "f": "numbers"}


class Indexed(Protocol):
    """What a torch `Dataset` of the map style offers."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


class TorchDataset(Dataset):
    """A torch `Dataset` of (image, label): pictures of Pillow, arrays, or tensors (C, H, W).

    Labels are what `encode` takes: class numbers, real numbers, rows of 0 and 1, or masks; None
    throughout where images are not labeled. They are those of the items. An attribute `targets`
    that agrees with them saves reading all images for their labels.

    Nothing but its images tells whether they have changed, so all of them are read once before a
    pack of an earlier run is used; folders and CSV files open at the cost of a look at each file.

    Raises DataError where an item is no such pair, or differs when it is read again.
    """

    def __init__(self, source: Indexed):
        self.name = type(source).__name__.lower()
        self._source = source
        self._digests: dict[int, bytes] = {}
        if not len(source):
            raise DataError("holds no images", where=self.name, remedy="Add at least one.")
        stored = getattr(source, "targets", None)
        if stored is not None and len(stored) != len(source):
            stored = None
        sample = [*spread(len(source), SAMPLE), *firsts(stored)]
        labels = self._look(dict.fromkeys(sample))
        names, self.notes = getattr(source, "classes", None), ()
        if stored is None or not all(alike(labels[index], stored[index]) for index in labels):
            if stored is not None:
                names = None  # of what is stored
                self.notes = ("labels are those of its items: its attribute `targets` has others",)
            stored = [self._label(index) for index in range(len(source))]
        column = stacked(stored, self.name)
        self.targets, notes = ({}, ()) if column is None else encode([column], names, self.name)
        self.notes += notes
        self.parts = np.full(len(source), Part.UNASSIGNED, np.int8)

    def id(self, index: int) -> str:
        return f"image/{index}"

    def read(self, index: int, at_least: int = 0) -> Pixels:
        where, image = f"{self.name}, {self.id(index)}", self._pixels(self._item(index)[0], index)
        if self.channels == 1 and image.shape[2] == 3 and (image != image[..., :1]).any():
            raise ImageError(
                "is in color, and the images before it are gray",
                where=where,
                remedy='Bring all to one mode in its transform, such as image.convert("RGB").',
            )
        return decode(image, channels=self.channels, where=where)

    def digest(self, index: int) -> bytes:
        """Raises DataError where it is not what it was."""
        found = digest(self.read(index))
        if self._digests.setdefault(index, found) != found:
            raise self._changing(index)
        return found

    def _look(self, sample: Collection[int]) -> dict[int, Any]:
        """The labels of these items, read twice; and how many channels images have."""
        labels: dict[int, Any] = {}
        channels: Counter[int] = Counter()
        reason: ImageError | None = None
        for index in sample:
            try:
                (first, label), (again, other) = self._item(index), self._item(index)
                pixels = self._pixels(first, index)
                if not np.array_equal(pixels, self._pixels(again, index)):
                    raise self._changing(index)
            except ImageError as error:  # it will be named and left out
                reason = error
                continue
            if not alike(label, other):
                raise self._changing(index, "label")
            labels[index] = label
            channels[pixels.shape[2]] += 1
        if reason is not None and not channels:
            raise reason
        # Gray images can be shown in color, but not the other way round.
        self.channels = 3 if channels.keys() == {1, 3} else channels.most_common(1)[0][0]
        return labels

    def _changing(self, index: int, what: str = "image") -> DataError:
        return DataError(
            f"example {index} has another {what} each time it is read",
            where=self.name,
            remedy="Take what is random out of its transform: training changes images itself, see "
            "--augment.",
        )

    def _label(self, index: int) -> Any:
        try:
            return self._item(index)[1]
        except ImageError as error:
            raise DataError(
                f"example {index} {error.message}, so that its label is not known",
                where=self.name,
                remedy="Leave it out with torch.utils.data.Subset, or give the data set an "
                "attribute `targets`.",
            ) from error

    def _item(self, index: int) -> tuple[Any, Any]:
        """Raises ImageError where the data set fails, and DataError for what is no pair."""
        try:
            item = self._source[index]
        except VitreousError:
            raise
        except NotImplementedError as error:  # torch's IterableDataset
            raise DataError(
                "has no items by number: it can only be read in order",
                where=self.name,
                remedy="Pass a data set of the map style, or list(dataset) if it fits into memory.",
            ) from error
        except Exception as error:  # a foreign class may raise anything
            reason = " ".join(str(error).split())[:200]
            raise ImageError(
                f"cannot be read: {type(error).__name__}{f': {reason}' if reason else ''}",
                where=f"{self.name}, {self.id(index)}",
                remedy=f"Look at it with dataset[{index}].",
            ) from error
        if not isinstance(item, tuple | list) or len(item) < 2:
            raise DataError(
                f"gives a {type(item).__name__} for example {index}",
                where=self.name,
                remedy="Each example has to be a pair (image, label).",
            )
        return item[0], item[1]

    def _pixels(self, image: Any, index: int) -> Pixels:
        where = f"{self.name}, {self.id(index)}"
        shape: Any = getattr(image, "shape", ())
        tensor = hasattr(image, "detach")
        if len(shape) == 3 and not tensor and shape[0] in (1, 3, 4) and shape[2] > 4:
            raise ImageError(
                f"is an array {tuple(shape)}, with the channels first",
                where=where,
                remedy="Put them last: image.transpose(1, 2, 0); or make it a tensor.",
            )
        if len(shape) == 3 and tensor and shape[2] in (1, 3, 4) and shape[0] > 4:
            raise ImageError(
                f"is a tensor {tuple(shape)}, with the channels last",
                where=where,
                remedy="Put them first, as torch has them: image.permute(2, 0, 1).",
            )
        if tensor:
            array = image.detach().cpu().numpy()
            image = np.moveaxis(array, 0, 2) if array.ndim == 3 else array
        try:
            return decode(image)
        except ImageError as error:
            remedy = error.remedy
            if "floats" in error.message:
                remedy = "Take normalization out of its transform: the network does that itself."
            raise ImageError(error.message, where=where, remedy=remedy) from error.__cause__


def spread(count: int, most: int) -> list[int]:
    """At most so many positions, from the first to the last."""
    return sorted({*np.linspace(0, count - 1, min(count, most)).astype(int).tolist()})


def firsts(labels: Any) -> list[int]:
    """The first position of each label, as far as labels are single numbers or words."""
    found: dict[Any, int] = {}
    for index, label in enumerate(() if labels is None else labels):
        try:
            found.setdefault(label.item() if hasattr(label, "item") else label, index)
        except (TypeError, ValueError, RuntimeError):  # a list, an array: not a single one
            return []
    return [*found.values()][:FIRSTS]


def alike(label: Any, other: Any) -> bool:
    """Are these the same label?"""
    one, two = _array(label), _array(other)
    return np.array_equal(one, two, equal_nan=one.dtype.kind == two.dtype.kind == "f")


def stacked(labels: Any, where: str) -> NDArray[Any] | None:
    """(N, ...) all labels; None where every one of them is None. Raises DataError where they are
    not of one kind.
    """
    whole = _array(labels)
    if whole.ndim and whole.dtype.kind in "biuf":
        return whole
    arrays = [_array(label) for label in labels]
    if all(label is None for label in labels):
        return None
    kinds = {WORDS.get(array.dtype.kind, f"a {_type(array)}") for array in arrays}
    if len(kinds) > 1 or not kinds <= {*WORDS.values()}:
        raise DataError(
            f"labels are {' and '.join(sorted(kinds))}",
            where=where,
            remedy="Give every example a number, a word, a row of 0 and 1, or a mask.",
        )
    try:
        return np.stack(arrays)
    except ValueError as error:
        raise DataError(
            f"labels differ in shape: {error}", where=where, remedy="Bring all to one shape."
        ) from error


def _array(label: Any) -> NDArray[Any]:
    value = label.detach().cpu() if hasattr(label, "detach") else label
    try:
        return np.asarray(value)
    except ValueError:  # rows of different lengths
        whole = np.empty((), object)
        whole[()] = value
        return whole


def _type(array: NDArray[Any]) -> str:
    return type(array.item() if array.ndim == 0 else array).__name__

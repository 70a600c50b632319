"""Boxes: rectangles around things, any number an image, as two corners in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.columns import Changes, Column, Ids, exact
from vitreous.data.images.frame import Frame, clipped
from vitreous.data.manifest_words import box_word
from vitreous.errors import DataError


class Boxes(Column):
    """Any number of boxes an example.

    array    (M, 4) float32: left, top, right, bottom of all boxes, those of one example after
             those of the one before. Half-open: a box around the whole image ends in its width
    sizes    (N,) how many each example has
    numbers  (M,) their classes, or None where boxes are all of one kind

    Moved boxes are the smallest that hold what the old ones held, cut at the window's edges; those
    of which less than a pixel is left are left out, with their class.

    Raises DataError for a box without area.
    """

    moves = True

    def __init__(
        self,
        array: NDArray[Any],
        sizes: NDArray[np.integer[Any]],
        numbers: NDArray[np.integer[Any]] | None = None,
        classes: Sequence[str] = (),
    ):
        self.array: NDArray[np.float32] = np.asarray(array, np.float32).reshape(-1, 4)
        self.sizes = np.asarray(sizes, np.int64)
        self.numbers = None if numbers is None else np.asarray(numbers, np.int64)
        self.classes = tuple(classes)
        self._starts = np.concatenate([[0], np.cumsum(self.sizes)])
        with np.errstate(invalid="ignore"):
            sound = (self.array[:, :2] < self.array[:, 2:]).all(axis=1)
        sound &= np.isfinite(self.array).all(axis=1)
        if not sound.all():
            place = int(np.flatnonzero(~sound)[0])
            example = int(np.searchsorted(self._starts, place, side="right")) - 1
            raise DataError(
                f"example {example} has the box {self.array[place].tolist()}",
                remedy="Write left, top, right, bottom in pixels, with left < right, top < bottom.",
            )

    @classmethod
    def of(cls, boxes: Sequence[NDArray[Any]], classes: Sequence[str] = ()) -> Self:
        """From (n, 4) for each example, or (n, 5) with the class number last."""
        sizes = np.array([len(each) for each in boxes], np.int64)
        width = 5 if classes else 4
        table = np.concatenate([np.zeros((0, width)), *(np.reshape(b, (-1, width)) for b in boxes)])
        numbers = table[:, 4].astype(np.int64) if classes else None
        return cls(table[:, :4], sizes, numbers, classes)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def empty(self) -> bool:
        """Is there no box?"""
        return not self.sizes.any()

    def take(self, ids: Ids) -> Self:
        sizes = self.sizes[ids]
        first = np.repeat(self._starts[:-1][ids] - (np.cumsum(sizes) - sizes), sizes)
        places = first + np.arange(len(first))
        numbers = None if self.numbers is None else self.numbers[places]
        return type(self)(self.array[places], sizes, numbers, self.classes)

    def content(self) -> bytes:
        numbers = b"" if self.numbers is None else self.numbers.tobytes()
        return self.sizes.tobytes() + self.array.tobytes() + numbers

    def gather(self, ids: Ids) -> list[NDArray[np.float32]]:
        """(n, 4) of each row, or (n, 5) with the class number last."""
        return [self._of(index) for index in np.asarray(ids).tolist()]

    def _of(self, index: int) -> NDArray[np.float32]:
        part = slice(self._starts[index], self._starts[index + 1])
        if self.numbers is None:
            return self.array[part].copy()
        return np.column_stack([self.array[part], self.numbers[part].astype(np.float32)])

    def moved(
        self, values: list[NDArray[np.float32]], changes: Changes
    ) -> list[NDArray[np.float32]]:
        moved = changes.boxes([each[:, :4].astype(np.float64) for each in values])
        return [_kept(old, new, changes.size) for old, new in zip(values, moved, strict=True)]

    def fitted(self, frames: Sequence[Frame]) -> Self:
        """In the pixels of each image's window."""
        kept = []
        for old, frame in zip(self.gather(np.arange(len(self))), frames, strict=True):
            new = frame.boxes(old[:, :4].astype(np.float64))
            kept.append(_kept(old, new, frame.size))
        return self.of(kept, self.classes)

    def joined(self, pieces: Sequence[Any]) -> list[NDArray[np.float32]]:
        return [box for piece in pieces for box in piece]

    def tensors(self, values: Any, device: torch.device) -> list[Tensor]:
        """(n, 4) float32 of each example, or (n, 5) with the class number last."""
        return [torch.from_numpy(each).to(device) for each in values]

    def text(self, index: int) -> str:
        return "; ".join(self._words(index, lambda value: f"{value:.6g}")) or "none"

    def header(self, name: str) -> list[str]:
        return [name]

    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        """Boxes divided by ";", each four numbers and perhaps a class, divided by spaces."""
        return ["; ".join(self._words(index, exact))]

    def _words(self, index: int, number: Any) -> list[str]:
        words = []
        for box in self._of(index).tolist():
            name = [box_word(self.classes[int(box[4])])] if self.numbers is not None else []
            words.append(" ".join([*map(number, box[:4]), *name]))
        return words

    def strata(self) -> tuple[Ids, Ids]:
        """A row belongs to the class of each of its boxes."""
        if self.numbers is None:
            return super().strata()
        rows = np.repeat(np.arange(len(self)), self.sizes)
        pairs = np.unique(np.stack([rows, self.numbers]), axis=1)
        return pairs[0], pairs[1]


def _kept(
    old: NDArray[np.float32], new: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """What is left of moved boxes within the window, with the classes that they had."""
    inside, kept = clipped(new, size)
    return np.concatenate([inside, old[kept, 4:]], axis=1).astype(np.float32)

"""Dots: any number of places an image, one for each thing that is to be counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from vitreous.data.columns import Changes, Column, Ids, exact
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Dots(Column):
    """Any number of places an example, none of which has a name.

    array    (M, 2) float32: x and y in pixels, of which (0, 0) is the center of the first; those of
             one example after those of the one before
    sizes    (N,) how many each example has
    numbers  (M,) their classes, or None where all dots are of one kind

    Dots that are moved out of the window are left out. Raises DataError for a place that is not
    finite.
    """

    moves = True

    def __init__(
        self,
        array: NDArray[Any],
        sizes: NDArray[np.integer[Any]],
        numbers: NDArray[np.integer[Any]] | None = None,
        classes: Sequence[str] = (),
    ):
        self.array: NDArray[np.float32] = np.asarray(array, np.float32).reshape(-1, 2)
        self.sizes = np.asarray(sizes, np.int64)
        self.numbers = None if numbers is None else np.asarray(numbers, np.int64)
        self.classes = tuple(classes)
        self._starts = np.concatenate([[0], np.cumsum(self.sizes)])
        lost = ~np.isfinite(self.array).all(axis=1)
        if lost.any():
            place = int(np.flatnonzero(lost)[0])
            example = int(np.searchsorted(self._starts, place, side="right")) - 1
            raise DataError(
                f"example {example} has a dot at {self.array[place].tolist()}",
                remedy="Give its x and y in pixels.",
            )

    @classmethod
    def of(cls, dots: Sequence[NDArray[Any]], classes: Sequence[str] = ()) -> Self:
        """From (n, 2) for each example, or (n, 3) with the class number last."""
        sizes = np.array([len(each) for each in dots], np.int64)
        width = 3 if classes else 2
        table = np.concatenate([np.zeros((0, width)), *(np.reshape(d, (-1, width)) for d in dots)])
        return cls(table[:, :2], sizes, table[:, 2] if classes else None, classes)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def empty(self) -> bool:
        """Is there no dot?"""
        return not self.sizes.any()

    def take(self, ids: Ids) -> Self:
        return self.of(self.gather(ids), self.classes)

    def content(self) -> bytes:
        numbers = b"" if self.numbers is None else self.numbers.tobytes()
        return self.sizes.tobytes() + self.array.tobytes() + numbers

    def gather(self, ids: Ids) -> list[NDArray[np.float32]]:
        """(n, 2) x and y of each row, or (n, 3) with the class number last."""
        return [self._of(index) for index in np.asarray(ids).tolist()]

    def _of(self, index: int) -> NDArray[np.float32]:
        part = slice(self._starts[index], self._starts[index + 1])
        if self.numbers is None:
            return self.array[part].copy()
        return np.column_stack([self.array[part], self.numbers[part].astype(np.float32)])

    def moved(
        self, values: list[NDArray[np.float32]], changes: Changes
    ) -> list[NDArray[np.float32]]:
        table = np.zeros((len(values), max(map(len, values), default=0), 2))
        for row, dots in zip(table, values, strict=True):
            row[: len(dots)] = dots[:, :2]
        moved = changes.points(table)
        return [
            _kept(dots, row[: len(dots)], changes.size)
            for row, dots in zip(moved, values, strict=True)
        ]

    def fitted(self, frames: Sequence[Frame]) -> Self:
        """In the pixels of each image's window."""
        kept = [
            _kept(dots, frame.points(dots[:, :2]), frame.size)
            for dots, frame in zip(self.gather(np.arange(len(self))), frames, strict=True)
        ]
        return self.of(kept, self.classes)

    def joined(self, pieces: Sequence[Any]) -> list[NDArray[np.float32]]:
        return [dots for piece in pieces for dots in piece]

    def tensors(self, values: Any, device: torch.device) -> list[Tensor]:
        """(n, 2) float32 of each example, or (n, 3) with the class number last."""
        import torch

        return [torch.from_numpy(each).to(device) for each in values]

    def tally(self) -> NDArray[np.int64]:
        """(N, L) dots of each class in each example; (N, 1) where there are no classes."""
        if self.numbers is None:
            return self.sizes[:, None]
        kinds = len(self.classes)
        rows = np.repeat(np.arange(len(self)), self.sizes)
        cells = np.bincount(rows * kinds + self.numbers, minlength=len(self) * kinds)
        return cells.reshape(len(self), kinds)

    def text(self, index: int) -> str:
        if self.numbers is None:
            return f"{self.sizes[index]:,}"
        counts = self.take(np.array([index])).tally()[0]
        pairs = zip(self.classes, counts.tolist(), strict=True)
        return ", ".join(f"{name} {count:,}" for name, count in pairs)

    def header(self, name: str) -> list[str]:
        return [name]

    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        """Places divided by ";"; x, y and perhaps a class by spaces."""
        words = []
        for x, y, *number in self._of(index).tolist():
            name = [self.classes[int(number[0])]] if number else []
            words.append(" ".join([exact(x), exact(y), *name]))
        return ["; ".join(words)]

    def strata(self) -> tuple[Ids, Ids]:
        """A row belongs to the class of each of its dots."""
        if self.numbers is None:
            return super().strata()
        rows, numbers = np.nonzero(self.tally())
        return rows, numbers


def _kept(
    old: NDArray[np.float32], places: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Moved dots that lie in the window, with the classes that they had."""
    height, width = size
    inside = ((places >= -0.5) & (places < np.array([width, height]) - 0.5)).all(axis=1)
    return np.concatenate([places, old[:, 2:]], axis=1)[inside].astype(np.float32)

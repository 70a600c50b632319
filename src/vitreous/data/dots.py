"""Dots: any number of places an image, one for each thing that is to be counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.columns import Changes, Column, Ids, exact
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError


class Dots(Column):
    """Any number of places an example, none of which has a name.

    array  (M, 2) float32: x and y in pixels, of which (0, 0) is the center of the first; those of
           one example after those of the one before
    sizes  (N,) how many each example has

    Dots that are moved out of the window are left out. Raises DataError for a place that is not
    finite.
    """

    moves = True

    def __init__(self, array: NDArray[Any], sizes: NDArray[np.integer[Any]]):
        self.array: NDArray[np.float32] = np.asarray(array, np.float32).reshape(-1, 2)
        self.sizes = np.asarray(sizes, np.int64)
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
    def of(cls, dots: Sequence[NDArray[Any]]) -> Self:
        """From (n, 2) for each example."""
        sizes = np.array([len(each) for each in dots], np.int64)
        return cls(
            np.concatenate([np.zeros((0, 2)), *(np.reshape(d, (-1, 2)) for d in dots)]), sizes
        )

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def empty(self) -> bool:
        """Is there no dot?"""
        return not self.sizes.any()

    def take(self, ids: Ids) -> Self:
        return self.of(self.gather(ids))

    def content(self) -> bytes:
        return self.sizes.tobytes() + self.array.tobytes()

    def gather(self, ids: Ids) -> list[NDArray[np.float32]]:
        """(n, 2) x and y of each row."""
        return [
            self.array[self._starts[index] : self._starts[index + 1]].copy()
            for index in np.asarray(ids).tolist()
        ]

    def moved(
        self, values: list[NDArray[np.float32]], changes: Changes
    ) -> list[NDArray[np.float32]]:
        table = np.zeros((len(values), max(map(len, values), default=0), 2))
        for row, dots in zip(table, values, strict=True):
            row[: len(dots)] = dots
        moved = changes.points(table)
        return [
            _kept(row[: len(dots)], changes.size) for row, dots in zip(moved, values, strict=True)
        ]

    def fitted(self, frames: Sequence[Frame]) -> Self:
        """In the pixels of each image's window."""
        rows = self.gather(np.arange(len(self)))
        return self.of(
            [_kept(f.points(dots), f.size) for dots, f in zip(rows, frames, strict=True)]
        )

    def joined(self, pieces: Sequence[Any]) -> list[NDArray[np.float32]]:
        return [dots for piece in pieces for dots in piece]

    def tensors(self, values: Any, device: torch.device) -> list[Tensor]:
        """(n, 2) float32 of each example."""
        return [torch.from_numpy(each).to(device) for each in values]

    def text(self, index: int) -> str:
        return f"{self.sizes[index]:,}"

    def header(self, name: str) -> list[str]:
        return [name]

    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        """Places divided by ";", x and y by a space."""
        (dots,) = self.gather(np.array([index]))
        return ["; ".join(f"{exact(x)} {exact(y)}" for x, y in dots.tolist())]


def _kept(places: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    """Those places that lie in the window."""
    height, width = size
    inside = (places >= -0.5) & (places < np.array([width, height]) - 0.5)
    return places[inside.all(axis=1)].astype(np.float32)

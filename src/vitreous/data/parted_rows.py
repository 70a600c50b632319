"""Rows that lie in several files, indexed like one array of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class PartedRows:
    """Arrays of rows that follow each other.

    parts  each (n, ...), alike in all axes but the first
    shape  (N, ...)
    """

    def __init__(self, parts: Sequence[NDArray[Any]]):
        self.parts = tuple(parts)
        self._ends = np.cumsum([0, *map(len, parts)])
        self.shape: tuple[int, ...] = (len(self), *parts[0].shape[1:])
        self.dtype, self.ndim = parts[0].dtype, parts[0].ndim

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, ids: int | slice | NDArray[Any]) -> NDArray[Any]:
        """The row of one id, or a copy of the rows of a slice or an array of ids."""
        chosen = np.arange(len(self))[ids]
        rows = np.empty((chosen.size, *self.shape[1:]), self.dtype)
        owners = np.searchsorted(self._ends, chosen.ravel(), side="right") - 1
        for number in np.unique(owners).tolist():
            mine = np.flatnonzero(owners == number)
            # Without Python's lock, which a slow disk would hold.
            inside = chosen.ravel()[mine] - self._ends[number]
            rows[mine] = np.take(self.parts[number], inside, axis=0)
        return rows.reshape(*chosen.shape, *self.shape[1:])

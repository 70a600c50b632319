"""Masks with renumbered classes: another data set's class numbers in a model's order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.maps import VALUES, MapRows


class Renumbered(MapRows):
    """Maps of bytes whose values are exchanged by a table while they are read.

    numbers  (L,) the new number of each class; other values, such as that of ignored pixels, stay
    """

    def __init__(self, rows: MapRows, numbers: NDArray[np.integer[Any]]):
        self.rows = rows
        self.table = np.arange(VALUES).astype(np.uint8)
        self.table[: len(numbers)] = numbers

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int) -> NDArray[Any]:
        return np.asarray(self.table[self.rows.read(index)])

    def stamp(self, index: int) -> bytes:
        return self.rows.stamp(index) + self.table.tobytes()

    def digest(self, index: int) -> bytes:
        return self.rows.digest(index) + self.table.tobytes()

    def source(self, index: int) -> str | None:
        return self.rows.source(index)

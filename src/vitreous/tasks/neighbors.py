"""Nearest neighbors on pixels among the rows of a pack: a trivial baseline of every task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.pack import Rows
from vitreous.metrics.trivial import Neighbors, nearest_neighbors
from vitreous.tasks.task import Ids


class Chosen:
    """Some rows of a pack, looked up one at a time, so that they are never all copied."""

    def __init__(self, rows: Rows, ids: Ids):
        self.rows, self.ids = rows, ids
        self.shape = (len(ids), *rows.shape[1:])

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> NDArray[np.uint8]:
        return self.rows[int(self.ids[position])]


def neighbors(rows: Rows, train: Ids, ids: Ids) -> Neighbors:
    """The most similar row among `train` for rows among `ids`; positions in these."""
    return nearest_neighbors(Chosen(rows, train), Chosen(rows, ids))

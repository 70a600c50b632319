"""Exact nearest neighbors by cosine similarity, chunk by chunk.

A product of matrices compares a query with a million vectors of a thousand numbers in well under
a second, so nothing is approximated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK = 8192  # vectors that are compared at a time
ASKED = 512  # queries that are compared at a time

Array = NDArray[np.float16] | NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class Neighbors:
    """For each query the nearest vectors, the most similar one first.

    rows    (Q, k) their positions in the index
    scores  (Q, k) cosines of the angles, in [-1, 1]
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class Index:
    """Vectors that can be asked for those most similar to a query.

    vectors  (N, K), of any length but zero; may be a memory map
    """

    vectors: Array

    def nearest(
        self, queries: Array, top: int, *, leave_out: NDArray[np.int64] | None = None
    ) -> Neighbors:
        """The `top` vectors nearest to each query, or all if there are fewer.

        queries    (Q, K)
        leave_out  (Q,) for each query the one position that it must not find, such as its own
        """
        found = max(0, min(top, len(self.vectors) - (leave_out is not None)))
        parts = [
            self._nearest(
                unit(queries[first : first + ASKED]),
                found,
                None if leave_out is None else leave_out[first : first + ASKED],
            )
            for first in range(0, len(queries), ASKED)
        ]
        rows, scores = zip(*parts, strict=True) if parts else ((), ())
        shape = (0, found)
        return Neighbors(
            np.concatenate([np.zeros(shape, np.int64), *rows]),
            np.concatenate([np.zeros(shape, np.float32), *scores]),
        )

    def _nearest(
        self, queries: NDArray[np.float32], top: int, leave_out: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        rows = np.zeros((len(queries), 0), np.int64)
        scores = np.zeros((len(queries), 0), np.float32)
        for first in range(0, len(self.vectors), CHUNK):
            chunk = unit(self.vectors[first : first + CHUNK])
            similar = queries @ chunk.T  # (Q, c)
            here = np.arange(first, first + len(chunk))
            if leave_out is not None:
                similar[leave_out[:, None] == here] = -np.inf
            scores = np.concatenate([scores, similar], axis=1)
            rows = np.concatenate([rows, np.broadcast_to(here, similar.shape)], axis=1)
            if scores.shape[1] > top:
                best = np.argpartition(-scores, top - 1, axis=1)[:, :top] if top else rows[:, :0]
                scores = np.take_along_axis(scores, best, axis=1)
                rows = np.take_along_axis(rows, best, axis=1)
        order = np.lexsort((rows, -scores), axis=1)  # of equals, the first
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)


def unit(vectors: Array) -> NDArray[np.float32]:
    """(N, K) float32 of length one; a vector of zeros stays what it is, similar to nothing."""
    floats = vectors.astype(np.float32)
    lengths = np.linalg.norm(floats, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    scaled: NDArray[np.float32] = floats / lengths
    return scaled

"""Order of batches: are the classes of each batch drawn at random, or do they come sorted?

The dispersion is Pearson's statistic of the counts over its degrees of freedom: about 1 for batches
drawn at random, less for balanced ones, and up to the batch size where each batch is of one class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TOGETHER = 32  # labels that are counted together, at least: very small batches are joined
LEAST = 6  # groups


def dispersion(batches: Sequence[NDArray[np.int64]], classes: int) -> float | None:
    """1 if labels were drawn at random; None of too few.

    batches  the labels of each step, in order
    """
    groups: list[NDArray[np.int64]] = []
    waiting: list[NDArray[np.int64]] = []
    for labels in batches:
        waiting.append(labels)
        if sum(map(len, waiting)) >= TOGETHER:
            groups.append(np.bincount(np.concatenate(waiting), minlength=classes))
            waiting = []
    if len(groups) < LEAST:
        return None
    counts = np.array(groups, np.float64)
    shares = counts.sum(axis=0) / counts.sum()
    present = shares > 0
    if present.sum() < 2:
        return None
    expected = counts.sum(axis=1, keepdims=True) * shares[present]
    statistic = float(((counts[:, present] - expected) ** 2 / expected).sum())
    return statistic / ((len(groups) - 1) * (int(present.sum()) - 1))

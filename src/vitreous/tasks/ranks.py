"""Ranks: which examples are most worth looking at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ranks(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """(N,) 1 for the smallest value, then 2, ...; of equals the first comes first, NaN last."""
    order = np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")
    found = np.empty(len(order), np.int64)
    found[order] = np.arange(1, len(order) + 1)
    return found

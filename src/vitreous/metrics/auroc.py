"""AUROC, the area under the ROC curve: how well a number tells examples of two kinds apart.

It is the chance that one of the second kind has the larger number, ties counting half: 0.5 is a
coin, 1 is never wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from vitreous.errors import UsageError
from vitreous.metrics.interval import Interval


def auroc(lower: ArrayLike, higher: ArrayLike) -> float:
    """The area for numbers that should be lower, and numbers that should be higher.

    lower, higher  (N,), (M,)

        (Σ ranks of the second - M (M + 1) / 2) / (N M)        Mann and Whitney (1947)
    """
    first, second = np.asarray(lower, np.float64), np.asarray(higher, np.float64)
    if not len(first) or not len(second):
        raise UsageError("an AUROC needs examples of both kinds")
    ranks = rankdata(np.concatenate([first, second]))[len(first) :]
    count = len(second)
    return float((ranks.sum() - count * (count + 1) / 2) / (len(first) * count))


def auroc_interval(area: float, lower: int, higher: int) -> Interval:
    """Interval of 95 %, for so many examples of either kind.

    Hanley and McNeil (1982), "The meaning and use of the area under a ROC curve".
    """
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area)
    spread += (higher - 1) * (first - area**2) + (lower - 1) * (second - area**2)
    reach = 1.96 * float(np.sqrt(max(spread, 0) / (lower * higher)))
    return max(area - reach, 0.0), min(area + reach, 1.0)

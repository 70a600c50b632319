"""Mean average precision of retrieval: does a ranking bring images of the same class to the front?

Every query has a ranked list; what counts is where in it the relevant images stand. Manning,
Raghavan and Schütze (2008), "Introduction to information retrieval", chapter 8.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.metrics.interval import Interval, bootstrap, wilson


@dataclass(frozen=True, kw_only=True)
class RetrievalScores:
    """Means over the queries that have something to find; fractions in [0, 1].

    k          length of the ranked lists
    queries    number of queries
    map        mean average precision at k; interval: its 95 % bootstrap interval, or
               None where all queries did alike
    precision  share of the k found images that are relevant
    recall     share of the relevant images that are among the k found
    first      share of queries whose first image is relevant, the accuracy of a nearest neighbor;
               first_interval: its 95 % interval
    """

    k: int
    queries: int
    map: float
    interval: Interval | None
    precision: float
    recall: float
    first: float
    first_interval: Interval

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def average_precision_at(
    relevant: NDArray[np.bool_], totals: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Average precision of each ranked list.

        AP@k = Σ_{i ≤ k} P(i) relevant(i) / min(R, k)

    P(i) is the precision among the first i, and R the number of relevant images; a list that begins
    with all that is relevant has 1.

    relevant  (Q, k) is the i-th found image relevant?
    totals    (Q,) relevant images in the whole collection, at least one
    """
    k = relevant.shape[1]
    precision = relevant.cumsum(axis=1) / np.arange(1, k + 1)
    return np.asarray((precision * relevant).sum(axis=1) / np.minimum(totals, k), np.float64)


def recall_at(relevant: NDArray[np.bool_], totals: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of each query's relevant images that were found, (Q,); arguments as above."""
    return np.asarray(relevant.sum(axis=1) / totals, np.float64)


def relevance(queries: NDArray[np.integer], found: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Do images share the class, or at least one label, with their query?

    queries  (Q,) class numbers, or (Q, L) zeros and ones
    found    (Q, k) or (Q, k, L) of the found images
    return   (Q, k)
    """
    if queries.ndim == 1:
        return np.asarray(found == queries[:, None], np.bool_)
    return np.asarray((found * queries[:, None]).any(axis=2), np.bool_)


def retrieval(relevant: NDArray[np.bool_], totals: NDArray[np.integer]) -> RetrievalScores | None:
    """All scores of ranked lists; None if no query has anything to find.

    relevant  (Q, k); totals: (Q,), as in `average_precision_at`
    """
    possible = totals > 0
    relevant, totals = relevant[possible], totals[possible]
    count, k = relevant.shape
    if not count or not k:
        return None
    precision = average_precision_at(relevant, totals)
    return RetrievalScores(
        k=k,
        queries=count,
        map=float(precision.mean()),
        interval=bootstrap(lambda rows: float(precision[rows].mean()), count),
        precision=float(relevant.mean()),
        recall=float(recall_at(relevant, totals).mean()),
        first=float(relevant[:, 0].mean()),
        first_interval=wilson(float(relevant[:, 0].sum()), count),
    )

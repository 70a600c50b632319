"""Precision over recall of detection: average precision (AP) and average recall, as COCO has them.

Going down the answers, the surest first, precision is the share of right ones and recall the share
of things found. AP is the mean of the precision at 101 recalls, each the best that any larger
recall still has. Everingham et al. (2010), "The Pascal visual object classes challenge", section
4.2, with the points and averages of Lin et al. (2014), arXiv:1405.0312.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vitreous.metrics.box_matching import AREAS, RECALLS, THRESHOLDS, Matches
from vitreous.metrics.interval import Interval, percentiles

TINY = float(np.spacing(1))
SAMPLES = 200  # of the bootstrap


def precisions(matches: Matches, area: str = "all") -> NDArray[np.float64] | None:
    """(T, 101) precision at each recall; None where there is nothing to be found."""
    place = [*AREAS].index(area)
    return _precisions(
        matches.right[place], ~matches.ignored[place], matches.things[place].sum(), None
    )


def recalls(matches: Matches, area: str = "all") -> NDArray[np.float64] | None:
    """(T,) the share of things that is found at all; None where there is nothing to be found."""
    place = [*AREAS].index(area)
    things = matches.things[place].sum()
    if not things:
        return None
    found = (matches.right[place] & ~matches.ignored[place]).sum(1)
    return np.asarray(found / things, np.float64)


def _precisions(
    right: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    things: float,
    weights: NDArray[np.floating] | None,
) -> NDArray[np.float64] | None:
    if not things:
        return None
    factor = 1.0 if weights is None else weights
    hits = np.cumsum((right & counted) * factor, axis=1)
    given = np.cumsum(counted * factor, axis=1)
    recall = hits / things
    precision = hits / (given + TINY)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    best = np.concatenate([best, np.zeros((len(best), 1))], axis=1)
    return np.stack(
        [row[np.searchsorted(reached, RECALLS)] for row, reached in zip(best, recall, strict=True)]
    )


def mean_of(values: Sequence[NDArray[np.float64] | None]) -> float | None:
    """The mean over the classes that there is something of."""
    known = [each.mean() for each in values if each is not None]
    return float(np.mean(known)) if known else None


def intervals(
    matches: Sequence[Matches], *, samples: int = SAMPLES, seed: int = 0
) -> tuple[Interval | None, Interval | None]:
    """Bootstrap intervals of the mean AP at an IoU of 0.5, and of that over all thresholds, by
    drawing the images again with replacement: see `percentiles`.

    matches  of each class, over the same images
    """
    if not matches or not matches[0].things.size:
        return None, None
    count = matches[0].things.shape[1]
    generator = np.random.default_rng(seed)
    means = []
    for _ in range(samples):
        often = np.bincount(generator.integers(0, count, count), minlength=count).astype(float)
        rows = [
            _precisions(each.right[0], ~each.ignored[0], each.things[0] @ often, often[each.images])
            for each in matches
        ]
        known = [row.mean(1) for row in rows if row is not None]
        means.append(np.mean(known, axis=0) if known else np.full(len(THRESHOLDS), np.nan))
    table = np.array(means)
    return percentiles(table[:, 0]), percentiles(table.mean(1))

"""Split shift: can one tell training images from test images, and by which simple statistics?

A rule that tells two sets of images apart, judged on images that it has not seen, has an area under
its ROC curve of 0.5 where both come from one source, and of 1 where they do not.
Lopez-Paz & Oquab (2017), "Revisiting classifier two-sample tests", arXiv:1610.06545; the interval
is that of Hanley & McNeil (1982), "The meaning and use of the area under a ROC curve".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from vitreous.doctor.held_out import area
from vitreous.metrics.interval import Interval

LEAST = 40  # images of each part
DIRECTIONS = 24  # of the largest variance, that the rule looks at
RIDGE = 1e-2


@dataclass(frozen=True)
class Gap:
    """A simple statistic in two parts.

    area     how often that of a later image is above that of a training image, from 0 to 1
    medians  in the training part and in the other one
    """

    name: str
    area: float
    medians: tuple[float, float]


@dataclass(frozen=True)
class Shift:
    """Training images beside those of another part.

    area  under the ROC curve of a linear rule, with its 95 % interval
    gaps  statistics that differ beyond luck, the largest difference first
    """

    part: str
    count: int
    area: float
    interval: Interval
    gaps: tuple[Gap, ...]


def shift(
    part: str,
    vectors: NDArray[np.float32],
    statistics: Mapping[str, NDArray[np.float64]],
    train: NDArray[np.int64],
    later: NDArray[np.int64],
) -> Shift | None:
    """Compare two parts; None of too few images.

    vectors      (N, D) what the rule looks at
    statistics   (N,) each, by name
    train, later  rows of these
    """
    if min(len(train), len(later)) < LEAST:
        return None
    both = np.concatenate([train, later])
    values = np.column_stack([_directions(vectors[both]), *(s[both] for s in statistics.values())])
    deviation = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    found = _told_apart(values, len(train))
    low, high = hanley(found, len(train), len(later))
    # As many tests as there are statistics share the error of one.
    confidence = 1 - 0.05 / max(len(statistics), 1)
    gaps = []
    for name, each in statistics.items():
        one = area(each[train], each[later])
        bounds = hanley(one, len(train), len(later), confidence)
        if not bounds[0] <= 0.5 <= bounds[1]:
            medians = float(np.median(each[train])), float(np.median(each[later]))
            gaps.append(Gap(name, one, medians))
    gaps.sort(key=lambda gap: -abs(gap.area - 0.5))
    return Shift(part, len(later), found, (low, high), tuple(gaps))


def hanley(value: float, low: int, high: int, confidence: float = 0.95) -> Interval:
    """Interval of an area under the ROC curve of so many examples of either kind."""
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    variance = value * (1 - value) + (high - 1) * (q1 - value**2) + (low - 1) * (q2 - value**2)
    # At 0 and at 1 nothing varies; half an example more keeps a width.
    error = sqrt(max(variance, 0.25 / min(low, high)) / (low * high))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return max(value - reach, 0.0), min(value + reach, 1.0)


def _directions(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N, DIRECTIONS) along the largest variance."""
    centered = vectors.astype(np.float64) - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centered.T @ centered)
    found: NDArray[np.float64] = centered @ axes[:, ::-1][:, :DIRECTIONS]
    return found


def _told_apart(values: NDArray[np.float64], border: int) -> float:
    """Area under the ROC curve of a linear rule, each half judged by the other."""
    draw = np.random.default_rng(0)
    order = [draw.permutation(border), border + draw.permutation(len(values) - border)]
    areas = []
    for half in (0, 1):
        learned = [values[rows[half::2]] for rows in order]
        judged = [values[rows[1 - half :: 2]] for rows in order]
        spread = np.mean([np.cov(part, rowvar=False) for part in learned], axis=0)
        spread += RIDGE * (np.trace(spread) / len(spread) + 1e-12) * np.eye(len(spread))
        rule = np.linalg.solve(spread, learned[1].mean(axis=0) - learned[0].mean(axis=0))
        areas.append(area(judged[0] @ rule, judged[1] @ rule))
    return float(np.mean(areas))

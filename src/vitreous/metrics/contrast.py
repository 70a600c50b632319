"""Paired test: are two models different on the same images, and how many images would settle it?

What is compared is one number an image, such as "answered rightly" or its IoU. Two models that are
asked about the same images err on many of the same ones, so what decides is the difference on each
image, not the two means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.errors import UsageError
from vitreous.metrics.interval import Interval, Spread, paired, percentiles, resampled_sums

LEVEL = 0.05  # a difference is shown where luck alone gives it less often
POWER = 0.8  # chance that the images that "would settle it" do so
FLIPS = 10_000  # random signs of the permutation test


@dataclass(frozen=True)
class Contrast:
    """The first model against the second, on the same images.

    difference  mean of the first minus mean of the second
    interval    of the difference, 95 %; None where the images say nothing
    p           how often luck alone gives a difference at least as large
    test        what gave p
    first_better, second_better  images on which one of them is better
    count       images
    needed      about how many images would show a true difference of this size in 8 of 10 tries;
                None where there is none
    """

    difference: float
    interval: Interval | None
    p: float
    test: str
    first_better: int
    second_better: int
    count: int
    needed: int | None


def contrast(first: ArrayLike, second: ArrayLike) -> Contrast:
    """Compare two models by one number an image, (N,) each, in the same order; NaN in either leaves
    the image out.

    Of right and wrong answers, McNemar's exact test; of other numbers, the bootstrap's interval and
    a permutation test, which exchanges the two models on each image by a coin.

    Raises UsageError for other shapes, or no image.
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape or one.ndim != 1:
        raise UsageError(
            f"two models can be compared on the same images only (got {one.shape} and {two.shape})",
            remedy="Measure both on the same part of the same data.",
        )
    known = np.isfinite(one) & np.isfinite(two)
    one, two = one[known], two[known]
    if not len(one):
        raise UsageError(
            "there is no image on which both models have a score",
            remedy="Measure both on the same part of the same data.",
        )
    gaps = one - two
    if np.isin(np.concatenate([one, two]), (0, 1)).all():
        found = paired(one > 0, two > 0)
        p, test = found.p, "McNemar's exact test"
        interval: Interval | None = found.interval
    else:
        sums = resampled_sums(gaps[:, None])[:, 0]
        interval, p, test = percentiles(sums / len(gaps)), _permuted(gaps), "permutation test"
    return Contrast(
        float(gaps.mean()),
        interval,
        p,
        test,
        int((gaps > 0).sum()),
        int((gaps < 0).sum()),
        len(gaps),
        needed(gaps),
    )


def needed(gaps: NDArray[np.float64]) -> int | None:
    """About how many images would show a mean difference as large as that of these, (N,), with the
    chance POWER: ((z₁ + z₂) σ / μ)². None where it is zero, or where they all differ alike.
    """
    mean, deviation = float(gaps.mean()), float(gaps.std())
    if not mean or not deviation:
        return None
    normal = NormalDist()
    reach = normal.inv_cdf(1 - LEVEL / 2) + normal.inv_cdf(POWER)
    return max(ceil((reach * deviation / mean) ** 2), 2)


def _permuted(gaps: NDArray[np.float64]) -> float:
    """Two-sided p of the mean being zero, where the sign of each difference is a coin."""
    observed = abs(float(gaps.sum()))
    if not observed:
        return 1.0
    generator = np.random.default_rng(0)
    extreme, rounding = 0, 1e-9 * float(np.abs(gaps).sum())
    for start in range(0, FLIPS, 500):
        signs = generator.integers(0, 2, (min(500, FLIPS - start), len(gaps)), np.int8)
        sums = 2 * (signs @ gaps) - gaps.sum()
        extreme += int((np.abs(sums) >= observed - rounding).sum())
    return (extreme + 1) / (FLIPS + 1)  # the observed signs are one of the possible ones


def holm(values: Sequence[float]) -> list[float]:
    """P-values of several tests at once, each made larger so that all together err at the level of
    one.

    Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    order = np.argsort(values, kind="stable")
    raised = np.asarray(values, np.float64)[order] * np.arange(len(values), 0, -1)
    found = np.empty(len(values))
    found[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return [float(value) for value in found]


def between(one: Spread, other: Spread) -> tuple[Interval, float]:
    """(95 % interval of the difference of two means over seeds, p): Welch's test.

    Welch (1947), "The generalization of Student's problem when several different population
    variances are involved".
    """
    from scipy.special import stdtr, stdtrit

    parts = [spread.deviation**2 / spread.count for spread in (one, other)]
    difference, error = one.mean - other.mean, sum(parts) ** 0.5
    if not error:
        return (difference, difference), 0.0 if difference else 1.0
    ends = zip(parts, (one, other), strict=True)
    freedom = sum(parts) ** 2 / sum(part**2 / (spread.count - 1) for part, spread in ends)
    reach = float(stdtrit(freedom, 1 - LEVEL / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(difference) / error))
    return (difference - reach, difference + reach), p

"""Confidence intervals: how sure a measured number is; and significance tests between two models.

An accuracy on 200 images is known to a few percent only, and a difference between two models that
answered the same images is judged by the images on which they disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.errors import UsageError

Interval = tuple[float, float]
ROUNDING = 1e-12  # relative: of the same example, twice and three times as much


def wilson(successes: float, trials: float, confidence: float = 0.95) -> Interval:
    """Interval of a proportion; it stays within [0, 1] and has a width even at 0 % and 100 %.

        (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)

    trials  0 gives (0, 1)

    Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    if trials <= 0:
        return (0.0, 1.0)
    z = _z(confidence)
    p = successes / trials
    center = p + z * z / (2 * trials)
    reach = z * sqrt(max(p * (1 - p), 0.0) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    # Rounding must not put the estimate itself outside its interval.
    return (
        min(max((center - reach) / scale, 0.0), p),
        max(min((center + reach) / scale, 1.0), p),
    )


def mean_of_proportions(
    successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Interval of the plain mean of independent proportions, as balanced accuracy is one.

    Each proportion's Wilson limits are combined by their squares, so that one proportion alone
    gives its Wilson interval again.

    successes, trials  (L,); a proportion without trials does not take part

    Zou and Donner (2008), "Construction of confidence limits about effect measures".
    """
    hits, sizes = np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    present = sizes > 0
    if not present.any():
        return (0.0, 1.0)
    hits, sizes = hits[present], sizes[present]
    limits = np.array([wilson(k, n, confidence) for k, n in zip(hits, sizes, strict=True)])
    share = hits / sizes
    below, above = share - limits[:, 0], limits[:, 1] - share
    mean = float(share.mean())
    return (
        max(mean - float(np.sqrt((below**2).sum())) / len(share), 0.0),
        min(mean + float(np.sqrt((above**2).sum())) / len(share), 1.0),
    )


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float],
    count: int,
    *,
    samples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval | None:
    """Percentile interval of any statistic, by drawing the examples again with replacement; None
    where that tells nothing, see `percentiles`.

    statistic  from row numbers (count,), with repetitions, to a number
    """
    generator = np.random.default_rng(seed)
    values = [statistic(generator.integers(0, count, count)) for _ in range(samples)]
    return percentiles(values, confidence)


def resampled_sums(
    columns: ArrayLike, *, samples: int = 1000, seed: int = 0, together: int = 50
) -> NDArray[np.float64]:
    """The sums of some columns over the examples, each time of examples drawn with replacement.

    Any function of sums has its bootstrap interval from these: see `percentiles`. The draws are
    those of `bootstrap`; as a product of matrices they cost a fraction of it.

    columns   (N, K) one row an example
    together  draws that are multiplied at once, which bounds the memory
    return    (samples, K)
    """
    table = np.asarray(columns, np.float64)
    count = len(table)
    generator = np.random.default_rng(seed)
    sums = []
    for start in range(0, samples, together):
        often = [
            np.bincount(generator.integers(0, count, count), minlength=count)
            for _ in range(min(together, samples - start))
        ]
        sums.append(np.array(often, np.float64) @ table)
    return np.concatenate(sums)


def percentiles(values: ArrayLike, confidence: float = 0.95) -> Interval | None:
    """The interval that holds this share of the values; NaN stands for an undefined one.

    None where all are alike. So are the draws from a single example, and from examples of which
    none was missed: they say nothing about others, and a width of zero would claim certainty.
    """
    drawn = np.asarray(values, np.float64)
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn) or np.ptp(drawn) <= ROUNDING * np.abs(drawn).max():
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


@dataclass(frozen=True)
class Paired:
    """Two models on the same examples.

    difference   accuracy of the first minus accuracy of the second
    interval     of the difference
    p            chance of a disagreement at least this lopsided if both were equally good
    only_first   examples that the first alone answered rightly; only_second likewise
    """

    difference: float
    interval: Interval
    p: float
    only_first: int
    only_second: int


def paired(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Paired:
    """Is the first model better than the second, or was it luck?

    The p-value is McNemar's exact test: under equality each disagreement is a fair coin. The
    interval is Wald's after half an example was added to each of the four cells.

    first, second  (N,) bool: was each example answered rightly?

    Raises UsageError for answers to other examples, and for numbers other than 0 and 1, such as
    means over seeds.

    McNemar (1947), "Note on the sampling error of the difference between correlated
    proportions". Agresti and Min (2005), "Simple improved confidence intervals for comparing
    matched proportions".
    """
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise UsageError(
            f"two models can be compared on the same examples only (got {a.shape} and {b.shape})",
            remedy="Evaluate both on the same part of the same data.",
        )
    for given, read in ((first, a), (second, b)):
        if not np.array_equal(given, read):  # 0.4 would count as true
            raise UsageError("an answer is right or wrong: 1 or 0", where="paired")
    only_first, only_second = int((a & ~b).sum()), int((~a & b).sum())
    disagreements = only_first + only_second
    tail = sum(comb(disagreements, k) for k in range(min(only_first, only_second) + 1))
    p = min(1.0, 2 * tail / 2**disagreements)

    n = len(a) + 2
    f, s = (only_first + 0.5) / n, (only_second + 0.5) / n
    reach = _z(confidence) * sqrt((f + s - (f - s) ** 2) / n)
    difference = (only_first - only_second) / len(a)
    interval = (max(f - s - reach, -1.0), min(f - s + reach, 1.0))
    return Paired(difference, interval, p, only_first, only_second)


@dataclass(frozen=True)
class Spread:
    """The same experiment under several seeds: mean, deviation, and an interval of the mean."""

    mean: float
    deviation: float
    interval: Interval
    count: int


def spread(values: ArrayLike, confidence: float = 0.95) -> Spread:
    """Mean over seeds with Student's interval; fewer than two runs say nothing about spread.

    values  (S,) one score per seed, at least two
    """
    from scipy.special import stdtrit

    runs = np.asarray(values, np.float64)
    if runs.ndim != 1 or len(runs) < 2:
        raise UsageError(
            f"a spread needs the scores of two runs or more (got {runs.size})",
            remedy="Train again with another --seed.",
        )
    mean, deviation = float(runs.mean()), float(runs.std(ddof=1))
    reach = float(stdtrit(len(runs) - 1, (1 + confidence) / 2)) * deviation / sqrt(len(runs))
    return Spread(mean, deviation, (mean - reach, mean + reach), len(runs))


def with_intervals(state: dict[str, Any]) -> dict[str, Any]:
    """What JSON made of fields, with the lists under `..._interval` as the intervals they were."""
    intervals = {
        key: state[key] and tuple(state[key]) for key in state if key.endswith("_interval")
    }
    return state | intervals


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise UsageError(
            f"confidence {confidence} is not between 0 and 1", remedy="Use 0.95 for 95 %."
        )
    return NormalDist().inv_cdf((1 + confidence) / 2)

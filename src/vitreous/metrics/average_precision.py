"""Average precision and thresholds of labels: ranking, and precision against recall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitreous.metrics.interval import Interval, percentiles

FEW_POSITIVES = 10  # fewer examples of a label do not settle a threshold of its own


def average_precision(scores: NDArray[np.float64], targets: NDArray[np.bool_]) -> float | None:
    """Area under the steps of precision over recall; None if no example has the label.

        AP = Σ_k (R_k - R_(k-1)) P_k       over the distinct scores, highest first

    scores   (N,) the higher, the more likely the label
    targets  (N,) has the example the label?
    """
    return _average_precision(_Ranking(scores, targets), np.ones(len(scores)))


def mean_average_precision_interval(
    scores: NDArray[np.float64],
    targets: NDArray[np.bool_],
    *,
    samples: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval | None:
    """Bootstrap interval of the mean of the labels' average precisions, see `percentiles`; sorts
    only once.

    scores, targets  (N, L)
    """
    count, labels = scores.shape
    rankings = [_Ranking(scores[:, k], targets[:, k]) for k in range(labels)]
    generator = np.random.default_rng(seed)
    means = []
    for _ in range(samples):
        weight = np.bincount(generator.integers(0, count, count), minlength=count).astype(float)
        areas = [_average_precision(ranking, weight) for ranking in rankings]
        means.append(np.mean([area for area in areas if area is not None] or [np.nan]))
    return percentiles(means, confidence)


def choose_thresholds(
    probabilities: NDArray[np.float64], targets: NDArray[np.integer]
) -> NDArray[np.float64]:
    """For each label, the probability from which giving it makes the best F1.

    A label with few examples takes the threshold that is best for all labels together: its own
    would be fitted to noise.

    probabilities, targets  (N, L), of the validation part
    return                  (L,)
    """
    probabilities, truth = np.asarray(probabilities, np.float64), np.asarray(targets) > 0
    shared = _best_threshold(probabilities.ravel(), truth.ravel())
    return np.array(
        [
            _best_threshold(probabilities[:, k], truth[:, k])
            if truth[:, k].sum() >= FEW_POSITIVES
            else shared
            for k in range(truth.shape[1])
        ]
    )


class _Ranking:
    """The examples in the order of their scores; `last` ends each run of equal scores."""

    def __init__(self, scores: NDArray[np.float64], targets: NDArray[np.bool_]):
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        self.last = np.append(ranked[1:] != ranked[:-1], True)
        self.positive = targets[self.order]


def _average_precision(ranking: _Ranking, weight: NDArray[np.float64]) -> float | None:
    ranked = weight[ranking.order]
    found = np.cumsum(ranked * ranking.positive)[ranking.last]
    given = np.cumsum(ranked)[ranking.last]
    if found[-1] <= 0:
        return None
    precision = np.divide(found, given, out=np.zeros_like(found), where=given > 0)
    return float((np.diff(found, prepend=0.0) * precision).sum() / found[-1])


def _best_threshold(probabilities: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    if not truth.any():
        return 0.5
    ranking = _Ranking(probabilities, truth)
    ends = np.flatnonzero(ranking.last)
    f1 = 2 * np.cumsum(ranking.positive)[ends] / (ends + 1 + truth.sum())
    best = int(np.argmax(f1))
    ranked = probabilities[ranking.order]
    least = ranked[ends[best]]
    following = ranked[ends[best] + 1] if best + 1 < len(ends) else 0.0
    return float((least + following) / 2)  # halfway to the next score: the widest margin

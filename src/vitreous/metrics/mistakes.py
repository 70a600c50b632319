"""The examples worth looking at: where a model was sure and wrong, and where it was barely right.

The most confident mistakes are where wrong labels, leaks and blind spots show first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """One answer.

    index        row of the example among those scored
    truth        its class number
    predicted    the class number that the model gave
    probability  of the predicted class
    likelihood   the probability that the model gave the true class
    """

    index: int
    truth: int
    predicted: int
    probability: float
    likelihood: float


@dataclass(frozen=True)
class LabelCase:
    """One label of one example that was wrongly given, or wrongly withheld.

    given        did the model give the label?
    probability  that the model gave the label
    """

    index: int
    label: int
    given: bool
    probability: float


def worst(
    probabilities: NDArray[np.floating], targets: NDArray[np.int64], count: int = 24
) -> tuple[Case, ...]:
    """The most confident mistakes, most confident first.

    probabilities  (N, L)
    targets        (N,)
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return _cases(probabilities, targets, predicted != targets, -confidence, count)


def hardest(
    probabilities: NDArray[np.floating], targets: NDArray[np.int64], count: int = 24
) -> tuple[Case, ...]:
    """Right answers, least confident first: what the model nearly got wrong."""
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return _cases(probabilities, targets, predicted == targets, confidence, count)


def sample(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.int64],
    count: int = 24,
    *,
    seed: int = 0,
) -> tuple[Case, ...]:
    """Right answers drawn at random, in their order: what ordinary success looks like."""
    right = np.flatnonzero(probabilities.argmax(axis=1) == targets)
    drawn = np.random.default_rng(seed).permutation(right)[:count]
    chosen = np.isin(np.arange(len(targets)), drawn)
    return _cases(probabilities, targets, chosen, np.arange(len(targets)), count)


def worst_labels(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer],
    thresholds: NDArray[np.floating],
    count: int = 24,
) -> tuple[LabelCase, ...]:
    """Wrong labels in order of how far the probability is beyond the threshold.

    probabilities, targets  (N, L)
    thresholds              (L,)
    """
    given, truth = probabilities >= thresholds, np.asarray(targets) > 0
    # Half-way scores on either side of a threshold are made comparable: 0 at it, 1 at the end.
    beyond = np.where(
        given,
        (probabilities - thresholds) / np.maximum(1 - thresholds, 1e-12),
        (thresholds - probabilities) / np.maximum(thresholds, 1e-12),
    )
    severity = np.where(given != truth, beyond, -1.0)
    order = np.argsort(-severity, axis=None, kind="stable")[:count]
    rows, labels = np.unravel_index(order, severity.shape)
    return tuple(
        LabelCase(i, k, bool(given[i, k]), float(probabilities[i, k]))
        for i, k in zip(rows.tolist(), labels.tolist(), strict=True)
        if severity[i, k] >= 0
    )


def _cases(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    rank: NDArray[np.floating] | NDArray[np.integer],
    count: int,
) -> tuple[Case, ...]:
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(rank[rows], kind="stable")][:count]
    predicted = probabilities[rows].argmax(axis=1)
    return tuple(
        Case(
            int(row),
            int(targets[row]),
            int(answer),
            float(probabilities[row, answer]),
            float(probabilities[row, targets[row]]),
        )
        for row, answer in zip(rows, predicted, strict=True)
    )

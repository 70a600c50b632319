"""The most confident mistakes: where a model was sure and wrong.

The most confident mistakes are where wrong labels, leaks and blind spots show first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """One answer.

    index             row of the example among those scored
    truth             its class number
    predicted         the class number that the model gave
    probability       of the predicted class
    true_probability  of the true class
    """

    index: int
    truth: int
    predicted: int
    probability: float
    true_probability: float


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
    rows = np.flatnonzero(predicted != targets)
    rows = rows[np.argsort(-confidence[rows], kind="stable")][:count]
    return tuple(
        Case(
            int(row),
            int(targets[row]),
            int(predicted[row]),
            float(confidence[row]),
            float(probabilities[row, targets[row]]),
        )
        for row in rows
    )


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

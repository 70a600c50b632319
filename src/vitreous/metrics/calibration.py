"""Calibration: does a model that says 80 % prove right in 80 % of the cases?

Guo et al. (2017), "On Calibration of Modern Neural Networks", arXiv:1706.04599: modern networks
are too sure of themselves, and one number, the temperature, mends most of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import UsageError
from vitreous.metrics.answers import chunks

NUM_BINS = 15  # as in Guo et al., section 2
TEMPERATURES = (0.05, 20.0)  # outside, the data only say "as sharp" or "as flat as can be"


@dataclass(frozen=True)
class Bin:
    """The predictions whose confidence lies in (low, high].

    count       how many
    confidence  their mean confidence
    accuracy    the share of them that proved right
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
    *,
    bins: int = NUM_BINS,
    equal: Literal["width", "mass"] = "width",
) -> tuple[Bin, ...]:
    """Confidence against truth, bin by bin; empty bins are left out.

    confidence  (N,) in [0, 1]
    correct     (N,) did the prediction prove right?
    equal       width: bins of equal length; mass: bins that hold about as many examples each,
                so that the crowd near 100 % is resolved. Equal confidences stay in one bin.
    """
    if equal == "width":
        edges = np.linspace(0, 1, bins + 1)
    else:
        edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)))
    number = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, None)
    size = max(len(edges) - 1, 1)
    mass = np.bincount(number, minlength=size)
    sure = np.bincount(number, confidence, minlength=size)
    right = np.bincount(number, correct, minlength=size)
    return tuple(
        Bin(
            low=float(edges[k]),
            high=float(edges[min(k + 1, len(edges) - 1)]),
            count=int(mass[k]),
            confidence=float(sure[k] / mass[k]),
            accuracy=float(right[k] / mass[k]),
        )
        for k in np.flatnonzero(mass > 0).tolist()
    )


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error: the mean gap between confidence and accuracy, by examples.

    Naeini et al. (2015), "Obtaining well calibrated probabilities using Bayesian binning".
    """
    total = sum(b.count for b in bins)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in bins) / total


def chance_error(bins: tuple[Bin, ...]) -> float:
    """The calibration error that chance alone would give a perfectly calibrated model here.

    In a bin of n answers the share of right ones strays from the confidence c by
    √(2 c(1-c) / πn) in the mean. An error of this size is no evidence of anything.
    """
    total = sum(b.count for b in bins)
    stray = sum(
        b.count * np.sqrt(2 * b.confidence * (1 - b.confidence) / (np.pi * max(b.count, 1)))
        for b in bins
    )
    return float(stray / total)


def fit_temperature(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """The temperature T for which softmax(logits / T) explains the targets best.

    log p equals the logits up to a constant that softmax ignores, so probabilities suffice.

    probabilities  (N, L), of the validation part, never of the training or the test part
    targets        (N,) class numbers
    return         T > 1: the model was too sure; T < 1: not sure enough
    """
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(np.float64).tiny))
    return temperature_of(logs, targets)


def temperature_of(
    logits: NDArray[np.float64], targets: NDArray[np.int64], *, doubting: bool = False
) -> float:
    """The temperature T for which softmax(logits / T) explains the targets best.

    The loss is convex in β = 1/T: its slope is the mean logit that the tempered model expects minus
    that of the targets, its curvature the variance of the logits. Newton's steps, kept within
    brackets, find where the slope is zero.

    logits    (N, L), finite, of the validation part
    targets   (N,) class numbers
    doubting  imagine one mistake beside the answers seen, as in Laplace's rule of succession: the
              class that comes next, with the mean logits of all. Without it, images that are all
              right would ask for certainty
    """
    if not len(targets):
        raise UsageError("a temperature cannot be fitted to no examples")
    rows = np.arange(len(targets))
    wanted = logits[rows, targets].mean()
    if doubting and logits.shape[1] > 1:
        wanted += (_highest_other(logits, targets).mean() - wanted) / (len(targets) + 1)

    def slopes(beta: float) -> tuple[float, float]:
        expected, curvature = np.empty(len(logits)), np.empty(len(logits))
        for part in chunks(logits):
            some = logits[part]
            tempered = _softmax(beta * some)
            expected[part] = (tempered * some).sum(axis=1)
            curvature[part] = (tempered * some**2).sum(axis=1) - expected[part] ** 2
        return float(expected.mean() - wanted), float(curvature.mean())

    low, high = (1 / t for t in reversed(TEMPERATURES))
    if slopes(low)[0] >= 0:
        return 1 / low
    if slopes(high)[0] <= 0:
        return 1 / high
    beta = 1.0
    for _ in range(60):
        slope, curvature = slopes(beta)
        low, high = (low, beta) if slope > 0 else (beta, high)
        newton = beta - slope / curvature if curvature > 0 else math.nan
        # At the solution itself `newton` is `beta`, which is an end of the bracket.
        step = newton if low < newton < high or newton == beta else (low + high) / 2
        if abs(step - beta) < 1e-9 * beta:
            break
        beta = step
    return 1 / beta


def _highest_other(logits: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) the largest logit of the other classes."""
    highest = np.empty(len(logits))
    for part in chunks(logits):
        others = logits[part].copy()
        others[np.arange(len(others)), targets[part]] = -np.inf
        highest[part] = others.max(axis=1)
    return highest


def temper(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """The probabilities (N, L) at another temperature; the order of classes stays as it is."""
    if not temperature > 0:
        raise UsageError(f"a temperature must be positive (got {temperature})")
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(np.float64).tiny))
    return _softmax(logs / temperature)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return scaled

"""Rules for the epoch that is kept, each applied to one and the same training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.metrics.calibration import temperature_of
from vitreous.metrics.classification import classification
from vitreous.tasks.class_answers import FEWEST

RULES = ("accuracy", "loss", "accuracy in loss", "loss in accuracy", "last")
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def judged(
    held: Sequence[Floats],
    held_truth: Numbers,
    test: Sequence[Floats],
    test_truth: Numbers,
    names: Sequence[str],
) -> dict[str, Any]:
    """What each rule gives on the test images.

    held, test  (N, L) logits of each epoch, on the images to choose by and on those to judge by
    """
    told = [epoch_scores(logits, held_truth) for logits in held]
    row: dict[str, Any] = {"epochs": len(held), "test": len(test_truth)}
    row["accuracies"] = [float((logits.argmax(1) == test_truth).mean()) for logits in test]
    for rule, kept in kept_epochs(told).items():
        before, after = (
            classification(softmax(test[kept] / warmth), test_truth, names)
            for warmth in (1.0, temperature(held[kept], held_truth))
        )
        row[rule] = {
            "epoch": kept + 1,
            "accuracy": after.accuracy,
            **{"loss": after.loss, "ece": after.ece, "chance": after.ece_chance},
            **{"raw_loss": before.loss, "raw_ece": before.ece, "raw_chance": before.ece_chance},
        }
    return row


def kept_epochs(told: list[tuple[float, float, float, float]]) -> dict[str, int]:
    """By rule, which epoch is kept, from 0.

    accuracy          the most accurate, of these the one of the lowest loss (as it was before)
    loss              the lowest loss
    accuracy in loss  the most accurate of those whose loss is within one standard error
    loss in accuracy  the lowest loss of those whose accuracy is within one standard error
    last              no choice
    """
    accuracy, slack, loss, spread = np.array(told).T
    both = accuracy - 1e-6 * np.minimum(loss, 100)
    best, least = int(both.argmax()), int(loss.argmin())
    near_loss = loss <= loss[least] + spread[least]
    near_accuracy = accuracy >= accuracy[best] - slack[best]
    return {
        "accuracy": best,
        "loss": least,
        "accuracy in loss": int(np.where(near_loss, both, -np.inf).argmax()),
        "loss in accuracy": int(np.where(near_accuracy, -loss, -np.inf).argmax()),
        "last": len(told) - 1,
    }


def epoch_scores(logits: Floats, truth: Numbers) -> tuple[float, float, float, float]:
    """Accuracy, its standard error, log loss and its standard error."""
    right = logits.argmax(1) == truth
    losses = -np.log(np.maximum(softmax(logits)[np.arange(len(truth)), truth], 1e-300))
    share, root = float(right.mean()), len(truth) ** 0.5
    spread = float(losses.std(ddof=1)) / root if len(truth) > 1 else 0.0
    return share, (share * (1 - share)) ** 0.5 / root, float(losses.mean()), spread


def temperature(logits: Floats, truth: Numbers) -> float:
    """As a run fits it; 1 where there are too few images."""
    return temperature_of(logits, truth, doubting=True) if len(truth) >= FEWEST else 1.0


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))

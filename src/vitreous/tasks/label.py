"""Several labels an image, or none: each is a question of its own, answered by its own sigmoid.

A softmax would let the labels compete: two that are both certain could get 1/2 each at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vitreous.losses import binary_cross_entropy, binary_hinge
from vitreous.metrics.average_precision import choose_thresholds
from vitreous.metrics.multilabel import multilabel
from vitreous.metrics.scores import Scores
from vitreous.shapes import Labels, Logits
from vitreous.tasks.coding import CODINGS
from vitreous.tasks.prediction import Prediction
from vitreous.tasks.task import Task, ranked

THRESHOLD = 0.5  # of a label whose threshold has not been chosen on validation data


@dataclass(frozen=True, kw_only=True, eq=False)
class Label(Task):
    """A sigmoid for each label. Targets are (B, L) float32 zeros and ones, or shares of them.

    `balance` multiplies the loss of positive answers, see `losses.positive_weights`.
    """

    name: ClassVar[str] = "label"
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "cross_entropy": binary_cross_entropy,
        "hinge": binary_hinge,
        "focal": partial(binary_cross_entropy, gamma=2.0),
    }

    def loss(self, logits: Logits, targets: Labels) -> Tensor:
        loss = self.LOSSES[self.criterion]
        options = {"smoothing": self.smoothing} if self.smoothing else {}
        return loss(logits, targets, positives=self.balance, reduction="none", **options)

    @staticmethod
    def encode(targets: ArrayLike) -> Labels:
        return torch.as_tensor(np.asarray(targets, np.float32))

    @staticmethod
    def outputs(classes: Sequence[str]) -> int:
        return len(classes)

    @staticmethod
    def explain(classes: Sequence[str]) -> str:
        return CODINGS["labels"].explain(len(classes))

    @staticmethod
    def probabilities(logits: Logits) -> Tensor:
        return logits.sigmoid()

    @staticmethod
    def thresholds(probabilities: NDArray[np.float64], targets: ArrayLike) -> tuple[float, ...]:
        chosen = choose_thresholds(probabilities, np.asarray(targets, np.int64))
        return tuple(float(threshold) for threshold in chosen)

    @staticmethod
    def scores(
        probabilities: NDArray[np.float64],
        targets: ArrayLike,
        classes: Sequence[str],
        thresholds: Sequence[float] | None = None,
    ) -> Scores:
        cuts = THRESHOLD if thresholds is None else np.asarray(thresholds)
        return multilabel(probabilities, targets, classes, cuts)

    @staticmethod
    def decode(
        probabilities: NDArray[np.float64],
        classes: Sequence[str],
        top: int = 5,
        thresholds: Sequence[float] | None = None,
    ) -> list[Prediction]:
        cuts = np.full(len(classes), THRESHOLD) if thresholds is None else np.asarray(thresholds)
        applies = probabilities >= cuts
        certainty = np.where(applies, probabilities, 1 - probabilities).min(axis=1)
        return [
            Prediction(
                tuple(name for name, holds in zip(classes, given, strict=True) if holds),
                float(score),
                ranked(row, classes, top),
            )
            for row, given, score in zip(probabilities, applies, certainty, strict=True)
        ]

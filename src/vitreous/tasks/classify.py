"""One class an image: classes exclude each other and share one unit of probability."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vitreous.losses import cross_entropy, focal, hinge
from vitreous.metrics.classification import classification
from vitreous.metrics.scores import Scores
from vitreous.shapes import Labels, Logits
from vitreous.tasks.coding import CODINGS
from vitreous.tasks.prediction import Prediction
from vitreous.tasks.task import Task, ranked


@dataclass(frozen=True, kw_only=True, eq=False)
class Classify(Task):
    """Softmax over one output a class. Targets are class numbers, (B,) int64, or shares of
    classes, (B, L), where images were mixed.
    """

    name: ClassVar[str] = "classify"
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "cross_entropy": cross_entropy,
        "hinge": hinge,
        "focal": focal,
    }

    def loss(self, logits: Logits, targets: Labels) -> Tensor:
        loss = self.LOSSES[self.criterion]
        options = {"smoothing": self.smoothing} if self.smoothing else {}
        return loss(logits, targets, weights=self.balance, reduction="none", **options)

    @staticmethod
    def encode(targets: ArrayLike) -> Labels:
        return torch.as_tensor(np.asarray(targets, np.int64))

    @staticmethod
    def outputs(classes: Sequence[str]) -> int:
        return len(classes)

    @staticmethod
    def explain(classes: Sequence[str]) -> str:
        return CODINGS["classes"].explain(len(classes))

    @staticmethod
    def probabilities(logits: Logits) -> Tensor:
        return logits.softmax(1)

    @staticmethod
    def thresholds(probabilities: NDArray[np.float64], targets: ArrayLike) -> None:
        return None

    @staticmethod
    def scores(
        probabilities: NDArray[np.float64],
        targets: ArrayLike,
        classes: Sequence[str],
        thresholds: Sequence[float] | None = None,
    ) -> Scores:
        return classification(probabilities, targets, classes)

    @staticmethod
    def decode(
        probabilities: NDArray[np.float64],
        classes: Sequence[str],
        top: int = 5,
        thresholds: Sequence[float] | None = None,
    ) -> list[Prediction]:
        rankings = (ranked(row, classes, max(top, 1)) for row in probabilities)
        return [Prediction(best[0][0], best[0][1], best[:top]) for best in rankings]

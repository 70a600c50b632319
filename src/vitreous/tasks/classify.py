"""Classification: one class an image; classes exclude each other and share one probability."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.backprop.layers import Hinge, Loss, SoftmaxCrossEntropy
from vitreous.data.batches.pack import Rows
from vitreous.data.columns import ClassNumbers, Column, Marks
from vitreous.errors import DataError
from vitreous.losses import class_weights, cross_entropy, focal, hard_cross_entropy, hinge
from vitreous.metrics.align import align
from vitreous.metrics.classification import classification
from vitreous.metrics.classification_scores import ClassificationScores
from vitreous.metrics.mistakes import worst
from vitreous.metrics.score import Rule
from vitreous.metrics.trivial import majority, neighbor_class, other_method
from vitreous.shapes import Logits
from vitreous.tasks.class_answers import RANKED, ClassTask, ranked
from vitreous.tasks.coding import CODINGS
from vitreous.tasks.margins import class_margins
from vitreous.tasks.neighbors import neighbors
from vitreous.tasks.prediction import Prediction
from vitreous.tasks.task import Aligned, Columns, Ids

MOST_CLASSES = 0.5  # as a share of the training images; beyond, labels are hardly classes


@dataclass(frozen=True, kw_only=True, eq=False)
class Classify(ClassTask):
    """Softmax over one output a class. Targets are class numbers, (B,) int64, or shares of
    classes, (B, L), where images were mixed.
    """

    name = "classify"
    hub_tag = "image-classification"
    one_class = True
    requirement = "each image has one label"
    needs: ClassVar = {"class": ClassNumbers}
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "cross_entropy": cross_entropy,
        "hinge": hinge,
        "focal": focal,
        "hard": hard_cross_entropy,
    }

    @classmethod
    def adapt(cls, targets: Columns, where: str) -> Columns:
        """Marks are one label an image where each image has exactly one."""
        labels = targets.get("class")
        single = labels.one_each() if isinstance(labels, Marks) else None
        return {**targets, "class": single} if single else targets

    @classmethod
    def doubts(cls, targets: Columns) -> list[str]:
        labels = targets["class"]
        counts = labels.counts()
        assert counts is not None
        present = np.flatnonzero(counts)
        if len(present) <= MOST_CLASSES * len(labels):
            return []
        if all(is_number(labels.classes[number]) for number in present):
            return []  # said where the data were opened
        return [
            f"{len(labels):,} training images have {len(present):,} different labels: are these "
            "classes? From one or two images, none can be learned"
        ]

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return CODINGS["classes"].explain(len(outputs))

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        if channels < 3 or criterion == "hinge":
            return super().prefers(channels, examples, criterion)
        return {"label_smoothing": (0.1, "usual for photos")}

    @classmethod
    def prefers_of_head(cls, optimizer: str) -> dict[str, tuple[Any, str]]:
        """Measured by benchmarks/defaults.py."""
        found: dict[str, tuple[Any, str]] = {
            "label_smoothing": (0.0, "on features it makes answers too modest, and no better")
        }
        if optimizer == "adamw":
            found["weight_decay"] = 1.0, "keeps a last layer that learns alone from being too sure"
        return found

    @classmethod
    def check_trainable(cls, targets: Columns, found: str, where: str) -> None:
        super().check_trainable(targets, found, where)
        labels = targets["class"]
        present = np.unique(labels.strata()[1])
        if len(present) < 2:
            raise DataError(
                f"all {len(labels):,} training images are of the class "
                f"'{labels.classes[present[0]]}': there is nothing to tell apart; {found}",
                where=where,
                remedy="Add images of at least one more class.",
            )

    @classmethod
    def factors(cls, labels: Column) -> Tensor:
        """Each class weighs the same in all."""
        counts = labels.counts()
        assert counts is not None
        return class_weights(torch.from_numpy(counts))

    def loss(self, outputs: Logits, targets: Mapping[str, Any]) -> Tensor:
        loss, wanted = self.LOSSES[self.criterion], targets["class"]
        options = {"smoothing": self.smoothing} if self.smoothing else {}
        balance = None if self.balance is None else self.balance.to(outputs.device)
        return loss(outputs, wanted, weights=balance, reduction="none", **options)

    def margins(self, outputs: Logits, targets: Mapping[str, Any]) -> Tensor:
        return class_margins(outputs, targets["class"])

    def manual_loss(self) -> Loss:
        if self.criterion == "cross_entropy":
            return SoftmaxCrossEntropy(smoothing=self.smoothing, weights=self.balance)
        if self.criterion == "hinge":
            return Hinge(weights=self.balance)
        return super().manual_loss()

    def squashed(self, logits: Logits) -> Tensor:
        return logits.softmax(1)

    def logits(self, probabilities: Tensor) -> Tensor:
        return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()

    def decisions(
        self, logits: NDArray[np.float64], truth: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        return logits, truth

    def scored(
        self, probabilities: NDArray[np.float64], truth: NDArray[Any], baselines: Sequence[Any]
    ) -> ClassificationScores:
        return classification(probabilities, truth, self.classes, baselines=baselines)

    def claimed(self, outputs: Logits) -> dict[str, Any]:
        return {"class": outputs.argmax(1)}

    def strangeness(self, logits: Logits) -> Tensor:
        """The energy -log Σ exp(logit)."""
        return -logits.logsumexp(1)

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        labels = targets["class"]
        learned, wanted, count = labels.gather(train), labels.gather(ids), len(self.classes)
        found = neighbors(rows, train, ids)
        return majority(learned, wanted, count), neighbor_class(found, learned, wanted, count)

    def rule(self, name: str, detail: str, meter: Any) -> Rule:
        return other_method(name, detail, meter.answers.argmax(1), meter.truth, len(self.classes))

    def judged(
        self, probabilities: NDArray[np.float64], truth: NDArray[Any]
    ) -> tuple[NDArray[np.float64], dict[int, int]]:
        cases = worst(probabilities, truth, RANKED)
        ranks = {case.index: rank for rank, case in enumerate(cases, 1)}
        return probabilities[np.arange(len(truth)), truth], ranks

    def align(self, targets: Columns, where: str) -> Aligned:
        labels = targets.get("class")
        if isinstance(labels, Marks) and (labels.array.sum(axis=1) == 1).all():
            labels = ClassNumbers(labels.array.argmax(axis=1), labels.classes)
        if isinstance(labels, Marks):
            raise DataError(
                "images with several labels, and the model gives one",
                where=where,
                remedy="Evaluate on data with one label an image.",
            )
        if not isinstance(labels, ClassNumbers):
            return super().align(targets, where)
        names = align(self.classes, labels.classes)
        numbers, known = names.numbers(labels.array)
        return Aligned({"class": ClassNumbers(numbers, self.classes)}, known, names.describe())

    def answer(self, probabilities: NDArray[np.float64], top: int) -> list[Prediction]:
        rankings = (ranked(row, self.classes, max(top, 1)) for row in probabilities)
        return [Prediction(best[0][0], best[0][1], best[:top]) for best in rankings]


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Multi-label classification: several labels an image, or none, each answered by its own sigmoid.

A softmax would let the labels compete: two that are both certain could get 1/2 each at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from vitreous.backprop.layers import Loss, SigmoidCrossEntropy
from vitreous.data.batches.pack import Rows
from vitreous.data.columns import ClassNumbers, Column, Marks
from vitreous.errors import ModelFileError, UsageError
from vitreous.losses import binary_cross_entropy, binary_hinge, positive_weights
from vitreous.metrics.align import align
from vitreous.metrics.average_precision import choose_thresholds
from vitreous.metrics.classification_scores import ClassificationScores
from vitreous.metrics.mistakes import worst_labels
from vitreous.metrics.multilabel import multilabel
from vitreous.metrics.score import Rule
from vitreous.metrics.trivial import frequency, neighbor_labels
from vitreous.shapes import Logits
from vitreous.tasks.class_answers import RANKED, ClassTask, ranked
from vitreous.tasks.coding import CODINGS
from vitreous.tasks.margins import label_margins
from vitreous.tasks.meter import Table
from vitreous.tasks.neighbors import neighbors
from vitreous.tasks.pooled_answers import Pool, positions
from vitreous.tasks.prediction import Prediction
from vitreous.tasks.task import Aligned, Columns, Ids

THRESHOLD = 0.5  # of a label whose threshold has not been chosen on validation data


@dataclass(frozen=True, kw_only=True, eq=False)
class Label(ClassTask):
    """A sigmoid for each label. Targets are (B, L) float32 zeros and ones, or shares of them.

    `balance` multiplies the loss of positive answers, see `losses.positive_weights`.

    thresholds  the probability from which each label is given; None is 1/2 for all
    """

    name = "label"
    hub_tag = "image-classification"
    noun = "label"
    requirement = "some images have several labels"
    needs: ClassVar = {"class": Marks}
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "cross_entropy": binary_cross_entropy,
        "hinge": binary_hinge,
        "focal": partial(binary_cross_entropy, gamma=2.0),
    }

    thresholds: tuple[float, ...] | None = None

    @classmethod
    def check_settings(cls, criterion: str, smoothing: float, balance: str = "none") -> None:
        super().check_settings(criterion, smoothing, balance)
        if balance == "sampler":
            raise UsageError(
                "images with several labels cannot be drawn by class",
                where="--balance sampler",
                remedy="Choose --balance weights.",
            )

    @classmethod
    def adapt(cls, targets: Columns, where: str) -> Columns:
        """One label an image asks the same question of each label."""
        labels = targets.get("class")
        return {**targets, "class": labels.marks()} if isinstance(labels, ClassNumbers) else targets

    @classmethod
    def describe(cls, targets: Columns) -> str:
        labels = targets["class"]
        several = isinstance(labels, Marks) and (labels.array.sum(axis=1) > 1).any()
        return cls.requirement if several else "some images have no label"

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return CODINGS["labels"].explain(len(outputs))

    @classmethod
    def factors(cls, labels: Column) -> Tensor:
        """The presence of each label weighs as much as its absence."""
        counts = labels.counts()
        assert counts is not None
        return positive_weights(torch.from_numpy(counts), len(labels))

    @property
    def cuts(self) -> NDArray[np.float64]:
        """(L,) the threshold of each label."""
        if self.thresholds is None:
            return np.full(len(self.classes), THRESHOLD)
        return np.asarray(self.thresholds, np.float64)

    def loss(self, outputs: Logits, targets: Mapping[str, Any]) -> Tensor:
        loss, wanted = self.LOSSES[self.criterion], targets["class"]
        options = {"smoothing": self.smoothing} if self.smoothing else {}
        balance = None if self.balance is None else self.balance.to(outputs.device)
        return loss(outputs, wanted, positives=balance, reduction="none", **options)

    def margins(self, outputs: Logits, targets: Mapping[str, Any]) -> Tensor:
        cuts = torch.logit(torch.from_numpy(self.cuts), eps=1e-7) * (self.temperature or 1.0)
        return label_margins(outputs, targets["class"], cuts.to(outputs))

    def manual_loss(self) -> Loss:
        if self.criterion == "cross_entropy" and not self.smoothing and self.balance is None:
            return SigmoidCrossEntropy()
        return super().manual_loss()

    def squashed(self, logits: Logits) -> Tensor:
        return logits.sigmoid()

    def logits(self, probabilities: Tensor) -> Tensor:
        return probabilities.logit(eps=1e-12)

    def pool(self, members: Sequence[Self]) -> tuple[Self, Pool]:
        """Probabilities are averaged, and so are the thresholds."""
        task, pool = super().pool(members)
        places = [positions(self.classes, member.classes, self.noun) for member in members]
        cuts = [member.cuts[at] for member, at in zip(members, places, strict=True)]
        return replace(task, thresholds=tuple(np.mean(cuts, axis=0).tolist())), pool

    def decisions(
        self, logits: NDArray[np.float64], truth: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Each label is present or not: a sigmoid is a softmax over its logit and zero."""
        present = logits.reshape(-1)
        pairs = np.stack([np.zeros_like(present), present], axis=1)
        return pairs, (truth.reshape(-1) > 0).astype(np.int64)

    def scored(
        self, probabilities: NDArray[np.float64], truth: NDArray[Any], baselines: Sequence[Any]
    ) -> ClassificationScores:
        return multilabel(probabilities, truth, self.classes, self.cuts, baselines=baselines)

    def claimed(self, outputs: Logits) -> dict[str, Any]:
        given = self.probabilities(outputs).cpu() >= torch.from_numpy(self.cuts)
        return {"class": given.to(outputs)}

    def strangeness(self, logits: Logits) -> Tensor:
        """The energies of all labels, each present or absent: -Σ log(1 + exp(logit))."""
        return -softplus(logits).sum(1)

    def tuned(self, meter: Table) -> Self:
        """With a temperature, and thresholds that make the best of each label's F1 on the examples
        seen.
        """
        tuned = super().tuned(meter)
        chosen = choose_thresholds(tuned.probable(meter), meter.truth.astype(np.int64))
        return replace(tuned, thresholds=tuple(float(threshold) for threshold in chosen))

    def raw(self) -> Self:
        """The thresholds move along: the same labels are given."""
        bare = super().raw()
        if self.thresholds is None or self.temperature is None:
            return bare
        cuts = torch.from_numpy(self.cuts).logit() * self.temperature
        return replace(bare, thresholds=tuple(cuts.sigmoid().tolist()))

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        labels = targets["class"]
        learned, wanted = labels.gather(train), labels.gather(ids)
        found = neighbors(rows, train, ids)
        return frequency(learned, wanted), neighbor_labels(found, learned, wanted)

    def judged(
        self, probabilities: NDArray[np.float64], truth: NDArray[Any]
    ) -> tuple[NDArray[np.float64], dict[int, int]]:
        """Of several labels, the one counts that the model errs on most."""
        likelihood = np.where(truth > 0, probabilities, 1 - probabilities).min(axis=1)
        ranks: dict[int, int] = {}
        for wrong in worst_labels(probabilities, truth, self.cuts, RANKED):
            if wrong.index not in ranks:
                ranks[wrong.index] = len(ranks) + 1
                given = wrong.probability
                likelihood[wrong.index] = 1 - given if wrong.given else given
        return likelihood, ranks

    def align(self, targets: Columns, where: str) -> Aligned:
        """Data with one label an image ask the same question of each label."""
        labels = self.adapt(targets, where).get("class")
        if not isinstance(labels, Marks):
            return super().align(targets, where)
        names = align(self.classes, labels.classes)
        marks, known = names.marks(labels.array)
        return Aligned({"class": Marks(marks, self.classes)}, known, names.describe())

    def answer(self, probabilities: NDArray[np.float64], top: int) -> list[Prediction]:
        applies = probabilities >= self.cuts
        certainty = np.where(applies, probabilities, 1 - probabilities).min(axis=1)
        return [
            Prediction(
                tuple(name for name, holds in zip(self.classes, given, strict=True) if holds),
                float(score),
                ranked(row, self.classes, top),
            )
            for row, given, score in zip(probabilities, applies, certainty, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        found = super().to_json()
        return found if self.thresholds is None else {**found, "thresholds": list(self.thresholds)}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        rest = dict(decoding)
        given = rest.pop("thresholds", None)
        made = super().from_json(classes, rest)
        if given is None:
            return made
        if (
            not isinstance(given, list | tuple)
            or len(given) != len(classes)
            or not all(type(value) in (float, int) and 0 <= value <= 1 for value in given)
        ):
            raise ModelFileError("the thresholds are not one probability a class")
        return replace(made, thresholds=tuple(float(value) for value in given))

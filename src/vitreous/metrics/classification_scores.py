"""Classification scores: accuracy, F1, calibration and the rest, on one part of the data.

All scores are computed from all examples at once, so they are exact whatever the batch size was;
the last, shorter batch weighs what it should. What is undefined (a class without examples, top-5
of three classes) is left out: it is never 0, 1 or NaN. Every example counts alike: the weights of a
manifest are importance in the loss, and a share of right answers is a share of images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.formats import percent, plain
from vitreous.metrics.calibration import Bin
from vitreous.metrics.confusion import ClassScores, ConfusionCounts
from vitreous.metrics.interval import Interval
from vitreous.metrics.score import Score
from vitreous.metrics.trivial import Baseline

EACH_ALIKE = "each class counts alike"
DENSE = 100  # classes up to which the whole confusion matrix is written
SKEWED = 0.8  # effective number of classes over classes present; 81 : 19 for two classes


@dataclass(frozen=True)
class Raw:
    """How sure a model was of the same answers before its temperature; see `ClassificationScores`
    for the names.
    """

    loss: float
    ece: float
    ece_mass: float
    ece_chance: float
    reliability: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True)
class ClassificationScores:
    """All fractions are in [0, 1]; None means that the score has no meaning here.

    classes            names, in the model's order
    count              number of examples
    accuracy           share of right answers; for labels, of images with every label right
    interval           95 % interval of the accuracy, likewise the other intervals
    loss               mean negative log likelihood, natural logarithm; for labels, mean over labels
    balanced_accuracy  mean recall of the classes present, so that each counts alike
    f1                 mean F1 of the classes present (macro); micro_f1 counts every label alike
    top5               share of examples whose class is among the five most probable
    map                mean over labels of the average precision
    ece                expected calibration error over bins of equal width; ece_mass: of equal mass;
                       ece_chance: what a perfectly calibrated model would show by chance
    per_class          one row a class, in the order of `classes`
    cells              of the confusion matrix, truth by prediction; None where an image may have
                       several labels
    reliability        bins of equal width; reliability_mass: bins of equal mass
    temperature        that the logits were divided by, as it was fitted on validation images; raw:
                       what the model gives without it
    baselines          what simple rules reach on the same examples
    """

    classes: tuple[str, ...]
    count: int
    accuracy: float
    interval: Interval
    loss: float
    f1: float
    ece: float
    ece_mass: float
    ece_chance: float
    per_class: tuple[ClassScores, ...]
    reliability: tuple[Bin, ...]
    reliability_mass: tuple[Bin, ...]
    balanced_accuracy: float | None = None
    balanced_interval: Interval | None = None
    top5: float | None = None
    map: float | None = None
    map_interval: Interval | None = None
    micro_f1: float | None = None
    cells: ConfusionCounts | None = None
    temperature: float | None = None
    raw: Raw | None = None
    baselines: tuple[Baseline, ...] = ()

    @property
    def several(self) -> bool:
        """May an example have several labels, or none?"""
        return self.cells is None

    @property
    def confusion(self) -> NDArray[np.int64] | None:
        """(L, L) truth by prediction; None where an image may have several labels."""
        return None if self.cells is None else self.cells.matrix

    @property
    def headline(self) -> Score:
        """The score to judge by: balanced accuracy where a few classes hold most examples."""
        if self.several:
            name = "map" if self.map is not None else "accuracy"
        else:
            support = np.array([row.support for row in self.per_class])
            share = support[support > 0] / support.sum()
            effective = float(np.exp(-(share * np.log(share)).sum()))
            name = "balanced_accuracy" if effective < SKEWED * len(share) else "accuracy"
        return next(score for score in self.all if score.name == name)

    @property
    def all(self) -> tuple[Score, ...]:
        """Every score that has a meaning here."""
        rows = "labels" if self.several else "classes"
        right = "every label right" if self.several else "share of right answers"
        guessing = log(2 if self.several else max(len(self.classes), 2))
        found = (
            ("accuracy", "accuracy", self.interval, right),
            ("balanced_accuracy", "balanced accuracy", self.balanced_interval, EACH_ALIKE),
            ("map", "mean average precision", self.map_interval, f"mean over {rows}"),
            ("top5", "top-5 accuracy", None, "truth among the five likeliest"),
            ("f1", "macro F1", None, f"mean over {rows}"),
            ("micro_f1", "micro F1", None, "over all labels given"),
        )
        shares = [
            Score(name=name, title=title, value=value, bounds=bounds, detail=detail)
            for name, title, bounds, detail in found
            if (value := getattr(self, name)) is not None
        ]
        loss = f"lower is better; guessing gives {plain(guessing)}"
        chance = f"chance alone: about {percent(self.ece_chance)}"
        if self.raw is not None:
            loss += f"; uncalibrated: {plain(self.raw.loss)}"
            chance += f"; uncalibrated: {percent(self.raw.ece)}"
        return (
            *shares,
            Score(
                name="loss", title="log loss", value=self.loss, better="lower", unit="", detail=loss
            ),
            Score(
                name="ece", title="calibration error", value=self.ece, better="lower", detail=chance
            ),
        )

    @property
    def value(self) -> float:
        """The headline score itself."""
        return self.headline.value

    @property
    def bounds(self) -> Interval | None:
        """The interval of the headline score."""
        return self.headline.bounds

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings, without the scores that have no meaning here.

        The confusion matrix of many classes is {"size": L, "cells": [[truth, answer, count], ...]}.
        """
        values = asdict(replace(self, cells=None))
        state = {key: value for key, value in values.items() if value is not None}
        state["headline"] = self.headline.name
        state["per_class"] = [_row_to_json(row) for row in self.per_class]
        state["baselines"] = [baseline.to_json() for baseline in self.baselines]
        if self.cells is not None:
            state["confusion"] = _cells_to_json(self.cells)
        return state

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> ClassificationScores:
        """The inverse of `to_json`."""
        known = {key: state[key] for key in cls.__dataclass_fields__ if key in state}
        for key in ("interval", "balanced_interval", "map_interval"):
            if key in known:
                known[key] = tuple(known[key])
        for key in ("reliability", "reliability_mass"):
            known[key] = bins(known[key])
        if "raw" in known:
            raw = known["raw"]
            known["raw"] = Raw(**{**raw, "reliability": bins(raw["reliability"])})
        known["classes"] = tuple(known["classes"])
        known["per_class"] = tuple(_row_from_json(row) for row in known["per_class"])
        known["baselines"] = tuple(Baseline.from_json(row) for row in known.get("baselines", ()))
        if "confusion" in state:
            known["cells"] = _cells_from_json(state["confusion"])
        return cls(**known)


def bins(rows: Iterable[Mapping[str, Any]]) -> tuple[Bin, ...]:
    """The bins of a reliability diagram, from JSON."""
    return tuple(Bin(**row) for row in rows)


def _cells_to_json(cells: ConfusionCounts) -> Any:
    if cells.size <= DENSE:
        return cells.matrix.tolist()
    found = np.stack([cells.truth, cells.answered, cells.counts], axis=1)
    return {"size": cells.size, "cells": found.tolist()}


def _cells_from_json(state: Any) -> ConfusionCounts:
    if isinstance(state, list):
        return ConfusionCounts.of_matrix(np.array(state, np.int64))
    found = np.array(state["cells"], np.int64).reshape(-1, 3)
    return ConfusionCounts(state["size"], *found.T)


def _row_to_json(row: ClassScores) -> dict[str, Any]:
    """Undefined precision, recall and F1 stay as null; what belongs to other tasks goes."""
    state = {"class": row.name, **vars(row)}
    del state["name"]
    for key in ("interval", "average_precision", "threshold"):
        if state[key] is None:
            del state[key]
    return state


def _row_from_json(state: dict[str, Any]) -> ClassScores:
    known = {key: value for key, value in state.items() if key != "class"}
    if "interval" in known:
        known["interval"] = tuple(known["interval"])
    return ClassScores(state["class"], **known)

"""Classification scores of a model on one part of the data.

All scores are computed from all examples at once, so they are exact whatever the batch size was;
the last, shorter batch weighs what it should. What is undefined (a class without examples, top-5
of three classes) is left out: it is never 0, 1 or NaN. Every example counts alike: the weights of a
manifest are importance in the loss, and a share of right answers is a share of images.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitreous.metrics.calibration import Bin
from vitreous.metrics.confusion import ClassScores
from vitreous.metrics.interval import Interval
from vitreous.metrics.trivial import Baseline

Headline = Literal["accuracy", "balanced_accuracy", "map"]

SKEWED = 0.8  # effective number of classes over classes present; 81 : 19 for two classes


@dataclass(frozen=True, kw_only=True)
class Scores:
    """All fractions are in [0, 1]; None means that the score has no meaning here.

    task               classify: one class an image; label: any number of labels
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
    confusion          (L, L) truth by prediction, None for labels
    reliability        bins of equal width; reliability_mass: bins of equal mass
    baselines          what simple rules reach on the same examples
    """

    task: Literal["classify", "label"]
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
    confusion: NDArray[np.int64] | None = None
    baselines: tuple[Baseline, ...] = ()

    @property
    def headline(self) -> Headline:
        """The score to judge by: balanced accuracy where a few classes hold most examples."""
        if self.task == "label":
            return "map" if self.map is not None else "accuracy"
        support = np.array([row.support for row in self.per_class])
        share = support[support > 0] / support.sum()
        effective = float(np.exp(-(share * np.log(share)).sum()))
        return "balanced_accuracy" if effective < SKEWED * len(share) else "accuracy"

    @property
    def value(self) -> float:
        """The headline score itself; higher is better."""
        return float(getattr(self, self.headline))

    @property
    def bounds(self) -> Interval | None:
        """The interval of the headline score."""
        return self.bounds_of(self.headline)

    def bounds_of(self, score: Headline) -> Interval | None:
        """The interval of one of the scores that can be a headline."""
        intervals = {
            "accuracy": self.interval,
            "balanced_accuracy": self.balanced_interval,
            "map": self.map_interval,
        }
        return intervals[score]

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings, without the scores that have no meaning here."""
        state = {key: value for key, value in asdict(self).items() if value is not None}
        state["headline"] = self.headline
        state["per_class"] = [_row_to_json(row) for row in self.per_class]
        state["baselines"] = [baseline.to_json() for baseline in self.baselines]
        if self.confusion is not None:
            state["confusion"] = self.confusion.tolist()
        return state

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Scores:
        """The inverse of `to_json`."""
        known = {key: state[key] for key in cls.__dataclass_fields__ if key in state}
        for key in ("interval", "balanced_interval", "map_interval"):
            if key in known:
                known[key] = tuple(known[key])
        for key in ("reliability", "reliability_mass"):
            known[key] = tuple(Bin(**row) for row in known[key])
        known["classes"] = tuple(known["classes"])
        known["per_class"] = tuple(_row_from_json(row) for row in known["per_class"])
        known["baselines"] = tuple(Baseline.from_json(row) for row in known.get("baselines", ()))
        if "confusion" in known:
            known["confusion"] = np.array(known["confusion"])
        return cls(**known)


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

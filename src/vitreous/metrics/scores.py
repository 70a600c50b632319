"""What a model is worth on one part of the data, from its probabilities and the truth.

All scores are computed from all examples at once, so they are exact whatever the batch size was;
the last, shorter batch weighs what it should. What is undefined (a class without examples, top-5
of three classes) is left out: it is never 0, 1 or NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.errors import DataError, DivergedError
from vitreous.metrics.baselines import Baseline
from vitreous.metrics.calibration import Bin, calibration_error, chance_error, reliability
from vitreous.metrics.confusion import ClassScores, confusion_matrix, per_class
from vitreous.metrics.interval import Interval, effective_size, mean_of_proportions, wilson
from vitreous.metrics.precision import average_precision, mean_average_precision_interval

Headline = Literal["accuracy", "balanced_accuracy", "map"]

SKEWED = 0.8  # effective number of classes over classes present; 81 : 19 for two classes
CHUNK = 1 << 22  # probabilities looked at together: 32 MiB in float64


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
    confusion: NDArray[np.int64] | NDArray[np.float64] | None = None
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


def classification(
    probabilities: ArrayLike,
    targets: ArrayLike,
    classes: Sequence[str],
    *,
    weights: ArrayLike | None = None,
    baselines: Sequence[Baseline] | None = None,
) -> Scores:
    """Scores of answers that name one class an image.

    probabilities  (N, L), each row summing to 1
    targets        (N,) class numbers
    weights        (N,) importance of each example, or None: all alike

    Raises DataError if shapes, numbers or sums do not fit, DivergedError if a probability is not a
    number.
    """
    table, truth = np.asarray(probabilities), np.asarray(targets, np.int64)
    weight = _check(table, truth, classes, weights)
    if ((truth < 0) | (truth >= len(classes))).any():
        raise DataError(
            f"a target is no class number: {truth.min()} to {truth.max()} of {len(classes)}",
            remedy="Translate the data's classes with `align` and leave out unknown ones.",
        )
    answers = _answers(table, truth)
    correct = answers.predicted == truth

    matrix = confusion_matrix(truth, answers.predicted, len(classes), weight)
    hits, support = np.diag(matrix), matrix.sum(axis=1)
    sizes = _effective_sizes(truth, weight, len(classes))
    rows = per_class(classes, hits, support, matrix.sum(axis=0), sizes)
    recalls = np.array([row.recall for row in rows if row.recall is not None])
    width = reliability(answers.confidence, correct, weights=weight)
    mass = reliability(answers.confidence, correct, equal="mass", weights=weight)
    accuracy = _mean(correct, weight)
    size = effective_size(weight, len(truth))
    return Scores(
        task="classify",
        classes=tuple(classes),
        count=len(truth),
        accuracy=accuracy,
        interval=wilson(accuracy * size, size),
        loss=_mean(-np.log(answers.likelihood), weight),
        balanced_accuracy=float(recalls.mean()),
        balanced_interval=mean_of_proportions(hits / np.maximum(support, 1e-300) * sizes, sizes),
        f1=float(np.mean([row.f1 for row in rows if row.f1 is not None])),
        top5=_mean(answers.rank < 5, weight) if len(classes) > 5 else None,
        ece=calibration_error(width),
        ece_mass=calibration_error(mass),
        ece_chance=chance_error(width),
        per_class=rows,
        confusion=matrix,
        reliability=width,
        reliability_mass=mass,
        baselines=tuple(baselines or ()),
    )


def multilabel(
    probabilities: ArrayLike,
    targets: ArrayLike,
    classes: Sequence[str],
    thresholds: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    baselines: Sequence[Baseline] | None = None,
) -> Scores:
    """Scores of answers that give any number of labels an image.

    probabilities  (N, L), each in [0, 1], independent of each other
    targets        (N, L) zeros and ones
    thresholds     (L,) a label is given from this probability on; see `choose_thresholds`
    weights        (N,) importance of each example, or None: all alike
    """
    table, truth = np.asarray(probabilities, np.float64), np.asarray(targets) > 0
    weight = _check(table, truth, classes, weights)
    cuts = np.broadcast_to(np.asarray(thresholds, np.float64), (len(classes),))
    given = table >= cuts
    each = np.ones(len(truth), np.int64) if weight is None else weight

    hits, support, answers = (each @ labels for labels in (given & truth, truth, given))
    squares = each**2 @ truth
    sizes = np.divide(support**2.0, squares, out=np.zeros(len(classes)), where=squares > 0)
    areas = [average_precision(table[:, k], truth[:, k], weight) for k in range(len(classes))]
    rows = tuple(
        replace(row, average_precision=area, threshold=float(cut))
        for row, area, cut in zip(
            per_class(classes, hits, support, answers, sizes), areas, cuts, strict=True
        )
    )
    defined = [area for area in areas if area is not None]
    f1s = [row.f1 for row in rows if row.f1 is not None]
    tiny = np.finfo(np.float64).eps
    likelihood = np.where(truth, table, 1 - table).clip(tiny, 1)
    repeated = None if weight is None else np.repeat(weight, len(classes))
    width = reliability(table.ravel(), truth.ravel(), weights=repeated)
    mass = reliability(table.ravel(), truth.ravel(), equal="mass", weights=repeated)
    accuracy = _mean((given == truth).all(axis=1), weight)
    size = effective_size(weight, len(truth))
    labels = float(support.sum() + answers.sum())
    return Scores(
        task="label",
        classes=tuple(classes),
        count=len(truth),
        accuracy=accuracy,
        interval=wilson(accuracy * size, size),
        loss=_mean(-np.log(likelihood).mean(axis=1), weight),
        f1=float(np.mean(f1s)) if f1s else 0.0,
        micro_f1=float(2 * hits.sum() / labels) if labels else None,
        map=float(np.mean(defined)) if defined else None,
        map_interval=mean_average_precision_interval(table, truth) if defined else None,
        ece=calibration_error(width),
        ece_mass=calibration_error(mass),
        ece_chance=chance_error(width),
        per_class=rows,
        reliability=width,
        reliability_mass=mass,
        baselines=tuple(baselines or ()),
    )


@dataclass(frozen=True)
class _Answers:
    """What the scores need of a table of probabilities, one number an example.

    predicted   the most probable class; of equals the first
    confidence  its probability
    likelihood  the probability of the true class, at least float64's epsilon, so that a loss is
                finite
    rank        how many classes were preferred to the true one
    """

    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    rank: NDArray[np.int64]


def _answers(table: NDArray[Any], truth: NDArray[np.int64]) -> _Answers:
    columns = []
    for rows in _chunks(table):
        part = table[rows].astype(np.float64)
        wanted = truth[rows, None]
        likelihood = np.take_along_axis(part, wanted, axis=1)
        earlier = np.arange(part.shape[1]) < wanted
        rank = ((part > likelihood) | ((part == likelihood) & earlier)).sum(axis=1)
        columns.append((part.argmax(axis=1), part.max(axis=1), likelihood[:, 0], rank))
    predicted, confidence, likelihood, rank = (
        np.concatenate(column) for column in zip(*columns, strict=True)
    )
    return _Answers(predicted, confidence, likelihood.clip(np.finfo(np.float64).eps, 1), rank)


def _chunks(table: NDArray[Any]) -> Iterator[slice]:
    step = max(CHUNK // table.shape[1], 1)
    return (slice(start, start + step) for start in range(0, len(table), step))


def _check(
    table: NDArray[Any],
    truth: NDArray[Any],
    classes: Sequence[str],
    weights: ArrayLike | None,
) -> NDArray[np.float64] | None:
    """Refuse what cannot be scored; return the weights as an array."""
    if not len(truth):
        raise DataError("no examples to score", remedy="Choose a part that has some: --split.")
    if table.shape != (len(truth), len(classes)) or truth.shape[1:] not in ((), table.shape[1:]):
        raise DataError(
            f"probabilities {table.shape}, targets {truth.shape} and {len(classes)} classes do not"
            " fit together"
        )
    for rows in _chunks(table):
        part = table[rows]
        if not np.isfinite(part).all():
            raise DivergedError(
                "the model's probabilities are not numbers",
                where=f"example {rows.start + int(np.argmin(np.isfinite(part).all(axis=1)))}",
                remedy="Go back to an earlier checkpoint, or train again at a lower --lr.",
            )
        if part.min() < 0 or part.max() > 1 + 1e-6:
            raise DataError("probabilities must lie in [0, 1]; these look like logits")
        if truth.ndim == 1 and np.abs(part.sum(axis=1, dtype=np.float64) - 1).max() > 0.01:
            raise DataError("the probabilities of an example must sum to 1")
    if weights is None:
        return None
    weight = np.asarray(weights, np.float64)
    if weight.shape != (len(truth),) or not (weight >= 0).all() or weight.sum() <= 0:
        raise DataError("weights must be one number an example, not negative and not all zero")
    return weight


def _mean(values: NDArray[Any], weight: NDArray[np.float64] | None) -> float:
    return float(np.average(values, weights=weight))


def _effective_sizes(
    truth: NDArray[np.int64], weight: NDArray[np.float64] | None, num_classes: int
) -> NDArray[np.float64]:
    if weight is None:
        return np.bincount(truth, minlength=num_classes).astype(np.float64)
    total = np.bincount(truth, weight, minlength=num_classes)
    squares = np.bincount(truth, weight**2, minlength=num_classes)
    return np.divide(total**2, squares, out=np.zeros(num_classes), where=squares > 0)


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

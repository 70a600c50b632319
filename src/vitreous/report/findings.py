"""Headline score, baselines to compare it with, and warnings: overfitting, missing classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Literal

from vitreous.drawing.axis import Axis, axis
from vitreous.formats import percent, round_percent
from vitreous.metrics import overfit
from vitreous.metrics.interval import Interval
from vitreous.metrics.scores import Scores
from vitreous.metrics.trivial import Baseline

URGENCY = ("warning", "advice", "note")
SCORE_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "map": "mean average precision",
}
RULES = {
    ("majority", "classify"): "most frequent class",
    ("majority", "label"): "frequency of each label",
    ("neighbor", "classify"): "nearest neighbor on pixels",
    ("neighbor", "label"): "nearest neighbor on pixels",
}


@dataclass(frozen=True)
class Note:
    """Something the reader should know. warning: the numbers suffer; advice: what to try next."""

    text: str
    kind: Literal["warning", "advice", "note"] = "note"


@dataclass(frozen=True)
class Measured:
    """A row of the verdict: something that was measured, and its place on the scale."""

    name: str
    text: str
    place: float
    low: float
    high: float
    kind: Literal["model", "rule"]
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """The number that matters, what it means, and what it is to be compared with."""

    score: str
    text: str
    interval: str
    meaning: tuple[str, ...]
    rows: tuple[Measured, ...]
    ticks: tuple[tuple[float, str], ...]
    from_zero: bool


def verdict(parts: Mapping[str, Scores]) -> Verdict:
    """The headline score of the first part, on one scale with the other parts and its baselines.

    parts  scores by the name of the part, the one to judge by first
    """
    scores = next(iter(parts.values()))
    name = scores.headline
    measured: list[tuple[str, Scores | Baseline]] = [*parts.items()]
    measured += [(baseline.name, baseline) for baseline in scores.baselines]
    measured = [(label, one) for label, one in measured if getattr(one, name) is not None]
    values = [float(getattr(one, name)) for _, one in measured]
    known = [one.bounds_of(name) for _, one in measured]
    intervals = [bounds or (value, value) for bounds, value in zip(known, values, strict=True)]
    wide = axis([*(low for low, _ in intervals), *values, 1.0])
    scale = Axis(max(wide.low, 0.0), 1.0, tuple(t for t in wide.ticks if 0 <= t <= 1))

    digits = _digits(scores.bounds)
    rows = []
    for (label, one), value, (low, high) in zip(measured, values, intervals, strict=True):
        is_rule = isinstance(one, Baseline)
        rows.append(
            Measured(
                name=_rule(label, scores.task) if is_rule else f"{label} part",
                text=percent(value, digits),
                place=100 * float(scale.place(value)),
                low=100 * float(scale.place(low)),
                high=100 * float(scale.place(high)),
                kind="rule" if is_rule else "model",
                detail=one.detail if isinstance(one, Baseline) else f"{one.count:,} images",
            )
        )
    value, bounds = scores.value, scores.bounds
    return Verdict(
        score=SCORE_NAMES[name],
        text=f"{100 * value:.{digits}f}",
        interval=f"{percent(bounds[0], digits)} to {percent(bounds[1], digits)}" if bounds else "",
        meaning=tuple(_meaning(scores)),
        rows=tuple(rows),
        ticks=tuple((100 * float(scale.place(t)), round_percent(t)) for t in scale.ticks),
        from_zero=scale.low == 0,
    )


def in_short(part: str, scores: Scores) -> list[tuple[str, str]]:
    """Lines for a terminal, each with its name: the headline score with its interval, and below it
    what the baselines reach, as far as they have such a score.
    """
    name, bounds = scores.headline, scores.bounds
    text = f"{scores.value:8.2%}   {SCORE_NAMES[name]}"
    if bounds:
        text += f", 95 % interval {bounds[0]:.2%} to {bounds[1]:.2%}"
    lines = [(part, f"{text}, on {scores.count:,} images")]
    for rule in scores.baselines:
        reached = getattr(rule, name)
        if reached is not None:
            lines.append(("", f"{reached:8.2%}   for scale: {rule.detail}"))
    return lines


def _meaning(scores: Scores) -> list[str]:
    """The headline in plain words."""
    words = []
    if scores.task == "classify":
        errors = 1 - scores.accuracy
        if errors == 0:
            words.append(f"No mistake in {scores.count:,} images.")
        elif errors < 0.5:
            words.append(f"About one image in {1 / errors:.0f} is misread.")
        else:
            words.append(f"About {round(10 * errors)} images in 10 are misread.")
        neighbor = next((b for b in scores.baselines if b.name == "neighbor"), None)
        if neighbor is not None and errors and neighbor.accuracy < scores.interval[0]:
            times = (1 - neighbor.accuracy) / errors
            often = f"{times:.1f}" if times < 10 else f"{times:.0f}"
            words.append(f"Looking up the most similar training image errs {often} times as often.")
    else:
        words.append(f"All labels are right for {percent(scores.accuracy, 0)} of the images.")
    return words


def findings(
    parts: Mapping[str, Scores],
    curves: Sequence[Mapping[str, float]],
    *,
    test_uses: int | None = None,
) -> list[Note]:
    """What the numbers themselves say against a run.

    parts      scores by the name of the part, the one to judge by first
    curves     one mapping an epoch
    test_uses  how often the test part was scored
    """
    notes = []
    for part, scores in list(parts.items())[:1]:
        notes += _beaten(scores) + _absent(part, scores)
        if part == "validation":
            text = (
                "These are validation scores. The best epoch was chosen by them, so they are"
                " slightly too good; a test part would tell."
            )
            notes.append(Note(text))
    if "test" in parts and (test_uses or 1) > 1:
        text = (
            f"The test part has been scored {test_uses} times. Each choice that followed such a"
            " score makes the next one less honest."
        )
        notes.append(Note(text, "warning"))
    return notes + _overfit(curves)


def _beaten(scores: Scores) -> list[Note]:
    """The baselines that the model does not clearly beat."""
    notes = []
    for baseline in scores.baselines:
        reached = getattr(baseline, scores.headline)
        if reached is not None and scores.bounds and scores.bounds[0] <= reached:
            rule = _rule(baseline.name, scores.task)
            text = f"The model is not clearly better than a simple rule: {rule}."
            notes.append(Note(text, "warning" if baseline.name == "majority" else "note"))
    return notes


def _absent(part: str, scores: Scores) -> list[Note]:
    absent = [row.name for row in scores.per_class if not row.support]
    if not absent:
        return []
    shown = ", ".join(absent[:8]) + (" and others" if len(absent) > 8 else "")
    text = f"The {part} part has no example of {shown}; nothing is known about these."
    return [Note(text, "warning")]


def _overfit(curves: Sequence[Mapping[str, float]]) -> list[Note]:
    both = [e for e in curves if "train_loss" in e and "validation_loss" in e]
    accuracy = [e.get("validation_accuracy", nan) for e in both]
    found = overfit.alarm(
        [e["train_loss"] for e in both],
        [e["validation_loss"] for e in both],
        accuracy if all(isfinite(a) for a in accuracy) else None,
    )
    return [] if found is None else [Note(found.explanation, "advice")]


def _rule(name: str, task: str) -> str:
    return RULES.get((name, task), name)


def _digits(bounds: Interval | None) -> int:
    """Decimals that the certainty of a score warrants."""
    return 2 if bounds is not None and bounds[1] - bounds[0] < 0.01 else 1

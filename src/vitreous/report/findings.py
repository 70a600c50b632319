"""Findings of a run, its verdict: the score that matters, its scale, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Literal

import numpy as np

from vitreous.drawing.axis import Axis, axis
from vitreous.formats import counted, plain, round_percent
from vitreous.metrics import overfit
from vitreous.metrics.score import Score, Scores
from vitreous.tasks.section import Note

URGENCY = ("warning", "advice", "note")


@dataclass(frozen=True)
class Measured:
    """A row of the verdict: something that was measured, and its place on the scale, in percent."""

    name: str
    text: str
    place: float
    low: float
    high: float
    kind: Literal["model", "rule"]
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """The number that matters, what it means, and what it is to be compared with.

    text, unit  the number; interval: its limits in words, or nothing
    better      "Lower is better." or the like, where a percentage does not say it by itself
    rows        the parts and the simple rules on one scale; from_zero: does that begin at 0?
    ticks       (place in percent, text)
    """

    score: str
    text: str
    unit: str
    interval: str
    better: str
    rows: tuple[Measured, ...]
    ticks: tuple[tuple[float, str], ...]
    from_zero: bool


def verdict(parts: Mapping[str, Scores]) -> Verdict:
    """The headline score of the first part, on one scale with the other parts and its baselines.

    parts  scores by the name of the part, the one to judge by first
    """
    scores = next(iter(parts.values()))
    headline = scores.headline
    measured: list[tuple[Score, str, Literal["model", "rule"], str]] = []
    for part, one in parts.items():
        found = next((score for score in one.all if score.name == headline.name), None)
        if found is not None and isfinite(found.value):
            measured.append((found, f"{part} part", "model", counted(one.count, "image")))
    for rule in scores.baselines:
        reached = rule.score(headline.name)
        if reached is not None and isfinite(reached.value):
            measured.append((reached, rule.title, "rule", rule.detail))
    scale = _scale(headline, [limit for one, *_ in measured for limit in limits_of(one)])
    digits = _digits(headline)

    rows = []
    for score, name, kind, detail in measured:
        low, high = limits_of(score)
        place, left, right = (
            float(np.clip(100 * scale.place(value), 0, 100)) for value in (score.value, low, high)
        )
        rows.append(
            Measured(
                name=name,
                text=headline.format(score.value, digits),
                place=place,
                low=left,
                high=right,
                kind=kind,
                detail=detail,
            )
        )
    tick = round_percent if headline.is_share else plain
    return Verdict(
        score=headline.title,
        text=f"{100 * headline.value:.{digits}f}" if headline.is_share else plain(headline.value),
        unit=headline.unit,
        interval=_interval(headline, digits),
        better=direction(headline),
        rows=tuple(rows),
        ticks=tuple((100 * float(scale.place(t)), tick(t)) for t in scale.ticks),
        from_zero=scale.low == 0,
    )


def direction(score: Score) -> str:
    """Which way is better, unless it is a percentage whose best is 100."""
    return "" if _is_usual(score) else f"{score.better.capitalize()} is better."


def in_short(part: str, scores: Scores) -> list[tuple[str, str]]:
    """Lines for a terminal, each with its name: the headline score with its interval, and below it
    what the baselines reach, as far as they have such a score.
    """
    headline, lines = scores.headline, []
    text = f"{_brief(headline, headline.value):>8}   {headline.title}"
    if not _is_usual(headline):
        text += f" ({headline.better} is better)"
    if headline.bounds:
        low, high = (_brief(headline, limit) for limit in headline.bounds)
        text += f", 95 % interval {low} to {high}"
    lines.append((part, f"{text}, on {counted(scores.count, 'image')}"))
    for rule in scores.baselines:
        reached = rule.score(headline.name)
        if reached is not None:
            told = f"{_brief(headline, reached.value):>8}   for scale: {rule.detail}"
            lines.append(("", told))
    return lines


def findings(
    parts: Mapping[str, Scores],
    curves: Sequence[Mapping[str, float]],
    *,
    test_uses: int | None = None,
) -> list[Note]:
    """What the numbers themselves say against a run.

    parts      scores by the name of the part, the one to judge by first
    curves     one mapping an epoch
    test_uses  how often the test part was scored, by this run and by others
    """
    notes = []
    for part, scores in list(parts.items())[:1]:
        notes += _beaten(scores)
        if part == "validation":
            text = (
                "These are validation scores. The best epoch was chosen by them, so they are"
                " slightly too good; a test part would tell."
            )
            notes.append(Note(text))
    if "test" in parts and (test_uses or 1) > 1:
        text = (
            f"The test part has been scored {test_uses} times, over all runs on these images. Each"
            " choice that followed such a score makes the next one less honest."
        )
        notes.append(Note(text, "warning"))
    headline = next((scores.headline for scores in parts.values()), None)
    return notes + _overfit(curves, headline)


def limits_of(score: Score) -> tuple[float, float]:
    """Its interval; of a score without one, the value twice."""
    return score.bounds or (score.value, score.value)


def _beaten(scores: Scores) -> list[Note]:
    """The baselines that the model does not clearly beat. The first is the simplest: it has not
    looked at the image, so not to beat it is a warning.
    """
    notes = []
    headline = scores.headline
    sign = 1 if headline.better == "higher" else -1
    surely = min(sign * limit for limit in limits_of(headline))
    for number, rule in enumerate(scores.baselines):
        reached = rule.score(headline.name)
        if reached is not None and not surely > sign * reached.value:
            text = f"The model is not clearly better than a simple rule: {rule.title}."
            notes.append(Note(text, "note" if number else "warning"))
    return notes


def _overfit(curves: Sequence[Mapping[str, float]], headline: Score | None) -> list[Note]:
    """Judged by the headline score, in its direction, as the best epoch was chosen."""
    both = [e for e in curves if "train_loss" in e and "validation_loss" in e]
    sign = -1 if headline is not None and headline.better == "lower" else 1
    name = f"validation_{headline.name}" if headline is not None else ""
    score = [sign * e.get(name, nan) for e in both]
    found = overfit.alarm(
        [e["train_loss"] for e in both],
        [e["validation_loss"] for e in both],
        score if all(map(isfinite, score)) else None,
        headline.title if headline is not None else "score",
        1.0 if headline is not None and _is_usual(headline) else None,
    )
    return [] if found is None else [Note(found.explanation, "advice")]


def _scale(headline: Score, limits: Sequence[float]) -> Axis:
    """From a round value below to 100 %; of what is no such share, from 0 to what is needed."""
    if not _is_usual(headline):
        return axis(limits, zero=True)
    wide = axis([*limits, 1.0])
    return Axis(max(wide.low, 0.0), 1.0, tuple(t for t in wide.ticks if 0 <= t <= 1))


def _is_usual(score: Score) -> bool:
    """Is it a percentage, the higher the better?"""
    return score.is_share and score.better == "higher"


def _interval(score: Score, digits: int) -> str:
    if not score.bounds:
        return ""
    low, high = (score.format(limit, digits) for limit in score.bounds)
    return f"{low} to {high}"


def _digits(score: Score) -> int:
    """Decimals that the certainty of a score warrants."""
    low, high = limits_of(score)
    return 2 if 0 < high - low < 0.01 else 1


def _brief(score: Score, value: float) -> str:
    """As in the columns of a terminal: two decimals of a percentage."""
    return score.format(value, 2)

"""Robustness in numbers: the score at each size of an attack, and under each corruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from vitreous.formats import plain
from vitreous.metrics.interval import Interval
from vitreous.metrics.score import Score, Scores
from vitreous.robust.masked_gradients import Suspicion
from vitreous.robust.norms import norm_of

NAME = "robustness.json"  # in a run folder


@dataclass(frozen=True, kw_only=True)
class AtSize:
    """What is left of a score under attacks of one size.

    eps       largest size allowed, in the norm's unit: gray levels, or percent of the pixels
    value     the score; interval of 95 %, where one is known
    rounded   the score after the attacked images were rounded to bytes, as a file holds them
    largest   largest size that was measured, and mean that of the images that were attacked
    largest_rounded  likewise after rounding
    """

    eps: float
    value: float
    interval: Interval | None
    rounded: float
    largest: float
    mean: float
    largest_rounded: float


@dataclass(frozen=True, kw_only=True)
class Corrupted:
    """The score under a corruption of a severity from 1 to 5."""

    kind: str
    severity: int
    value: float
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """What a network is worth on images that were changed.

    images   how many were looked at, of those in the part
    score    name, title, better, unit: what is measured, see `Score`
    clean    on the images as they are
    attack, norm, steps, restarts  of the curve; empty where nothing was attacked
    curve    by rising size, the first of size 0
    median   size of the smallest changes that were found, where the attack looks for them
    doubts   what speaks against the curve
    """

    model: str
    task: str
    data: str
    part: str
    images: int
    of: int
    score: str
    title: str
    better: str
    unit: str
    clean: float
    interval: Interval | None
    attack: str = ""
    norm: str = ""
    steps: int | None = None
    restarts: int = 1
    seed: int = 0
    curve: tuple[AtSize, ...] = ()
    median: float | None = None
    doubts: tuple[Suspicion, ...] = ()
    corruptions: tuple[Corrupted, ...] = ()
    notes: tuple[str, ...] = ()

    def format(self, value: float) -> str:
        return Score(name=self.score, title=self.title, value=value, unit=self.unit).text

    @property
    def kinds(self) -> dict[str, list[Corrupted]]:
        """Corruptions by their kind, severities rising."""
        found: dict[str, list[Corrupted]] = {}
        for one in self.corruptions:
            found.setdefault(one.kind, []).append(one)
        return found

    @property
    def corrupted(self) -> float | None:
        """The mean of the score over all kinds and severities; None where none was tried."""
        values = [one.value for one in self.corruptions]
        return sum(values) / len(values) if values else None

    @property
    def corruption_error(self) -> float | None:
        """Mean corruption error: the mean share of wrong answers, where the score is a share."""
        mean = self.corrupted
        return None if mean is None or self.unit != "%" else 1 - mean

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        found["doubts"] = [one.to_json() for one in self.doubts]
        return found | {"corrupted": self.corrupted, "corruption_error": self.corruption_error}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`. Raises KeyError or TypeError for what is none."""
        found = {field.name: state[field.name] for field in fields(cls)}
        found["curve"] = tuple(AtSize(**_plain(one)) for one in state["curve"])
        found["corruptions"] = tuple(Corrupted(**_plain(one)) for one in state["corruptions"])
        found["doubts"] = tuple(Suspicion(**one) for one in state["doubts"])
        found["notes"] = tuple(state["notes"])
        return cls(**_plain(found))

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        of = "" if self.images == self.of else f" of {self.of:,}"
        lines = [
            f"{'robustness':<12}{self.model} on {self.data}: {self.images:,}{of} images of the "
            f"{self.part} part",
            f"{'clean':<12}{self.title} {self.format(self.clean)}{self._range(self.interval)}",
        ]
        if self.curve:
            lines.append(f"{'attack':<12}{self.attack_in_words}")
            lines += ["", *self._curve(), ""]
        if self.median is not None:
            unit = norm_of(self.norm).unit
            lines.append(f"{'distance':<12}median {plain(self.median)} {unit}")
        if self.corruptions:
            lines += ["", *self._corruptions(), ""]
        lines += [f"{'warning' if one.masks else 'note':<12}{one.text}" for one in self.doubts]
        return lines + [f"{'note':<12}{note}" for note in self.notes]

    @property
    def attack_in_words(self) -> str:
        row = norm_of(self.norm)
        steps = "" if self.steps is None else f", {self.steps} steps"
        starts = "" if self.restarts == 1 else f", {self.restarts} starts"
        return f"{self.attack}, {row.title} in {row.unit}{steps}{starts}"

    def _curve(self) -> list[str]:
        rows = [("eps", self.title, "as bytes", "largest change", "as bytes")]
        rows += [
            (
                f"{one.eps:.4g}",
                self.format(one.value) + self._range(one.interval),
                self.format(one.rounded),
                plain(one.largest),
                plain(one.largest_rounded),
            )
            for one in self.curve
        ]
        return _aligned(rows)

    def _corruptions(self) -> list[str]:
        severities = sorted({one.severity for one in self.corruptions})
        rows = [("corruption", *(f"{number}" for number in severities), "mean")]
        for kind, found in self.kinds.items():
            mean = sum(one.value for one in found) / len(found)
            rows.append((kind, *(self.format(one.value) for one in found), self.format(mean)))
        return [*_aligned(rows), "", *self.corruption_summary]

    @property
    def corruption_summary(self) -> list[str]:
        mean, error = self.corrupted, self.corruption_error
        if mean is None:
            return []
        if error is None:
            return [f"mean {self.title} {self.format(mean)}, clean {self.format(self.clean)}"]
        clean = self.format(1 - self.clean)
        return [f"mean corruption error {self.format(error)}, where clean images have {clean}"]

    def _range(self, interval: Interval | None) -> str:
        if interval is None:
            return ""
        low, high = map(self.format, interval)
        return f" ({low} to {high})"


def told(scores: Scores, decided: bool) -> Score:
    """The score that robustness is told in: the share of right answers, where answers are right or
    wrong, else the headline.
    """
    plain = (one for one in scores.all if decided and one.name == "accuracy")
    return next(plain, scores.headline)


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals as tuples, which JSON made lists."""
    return {
        name: tuple(value) if name == "interval" and value else value
        for name, value in state.items()
    }


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    first = (row[0].ljust(widths[0]) for row in rows)
    rest = (
        "   ".join(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )
    return [f"  {one}   {other}" for one, other in zip(first, rest, strict=True)]

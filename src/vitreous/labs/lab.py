"""Experiment of the course: what a source claims, how it is measured, and the rule that judges it.

An experiment measures plain values, and everything else is made of these: the findings, each a
number with a rule that it keeps or does not, and the picture. So a verdict is never written by
hand, a chapter can be drawn again without measuring again, and a test can falsify a value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Literal

from markupsafe import Markup

from vitreous.metrics.interval import Interval, Spread

Values = dict[str, Any]
"""What was measured, as JSON can hold it."""

Rule = Literal["=", "±", "×", "≤", "≥", "<", ">"]
Size = Literal["quick", "full", "tiny"]

LINES = 24  # of code that a chapter shows


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One number, and the rule that tells whether it is as the source has it.

    name      what it is, in a few words
    ours      what was measured
    rule      = equal · ± at most `reach` away ·
              × at most `reach` times more or less · ≤ ≥ < > bounds
    bound     what the rule compares with
    reach     of ± and ×
    source    the source's own figure, as it is printed there; empty where it gives none
    interval  95 % of what other seeds would give; a bound has to hold at its worse end
    decides   whether the claim stands or falls with it; the others are figures beside the claim
    why       what explains it where it does not hold
    """

    name: str
    ours: float
    rule: Rule
    bound: float
    reach: float = 0.0
    source: str = ""
    interval: Interval | None = None
    decides: bool = True
    why: str = ""

    @property
    def holds(self) -> bool:
        low, high = self.interval or (self.ours, self.ours)
        if not isfinite(self.ours):
            return False
        match self.rule:
            case "=":
                return abs(self.ours - self.bound) <= 1e-9 * max(1.0, abs(self.bound))
            case "±":
                return abs(self.ours - self.bound) <= self.reach
            case "×":
                return self.bound / self.reach <= self.ours <= self.bound * self.reach
            case "≤":
                return high <= self.bound
            case "<":
                return high < self.bound
            case "≥":
                return low >= self.bound
            case ">":
                return low > self.bound

    @property
    def asked(self) -> str:
        """The rule as it is read: ≥ 2, 0.0208 × or ÷ 2, 98.77 ± 0.3."""
        if self.rule == "×":
            return f"{figure(self.bound)} × or ÷ {self.reach:g}"
        if self.rule == "±":
            return f"{figure(self.bound)} ± {self.reach:g}"
        return f"{self.rule} {figure(self.bound)}"

    @property
    def measured(self) -> str:
        """Our number, with its interval."""
        if self.interval is None:
            return figure(self.ours)
        return f"{figure(self.ours)} [{figure(self.interval[0])}, {figure(self.interval[1])}]"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "holds": self.holds}


def over_seeds(name: str, ours: Spread, rule: Rule, bound: float, **more: Any) -> Finding:
    """A finding about a mean over seeds, with its interval.

    more  other fields of `Finding`
    """
    return Finding(
        name=name, ours=ours.mean, rule=rule, bound=bound, interval=ours.interval, **more
    )


@dataclass(frozen=True, kw_only=True)
class Lab:
    """One experiment.

    row      how the course's list calls it, such as X4
    name     a word for it
    title    the heading of its chapter
    claims   what the source says, with its figures
    source   where it says so
    measure  seed and settings to values; its defaults are the quick size
    judge    values to findings
    draw     values to a picture
    core     the functions that a chapter shows the code of
    assumed  what the source leaves open, and what was taken
    full     settings of the source's size
    tiny     settings with which a test takes a second; most claims hold there, too
    tries    what to try, as a sentence, and the command
    plays    settings of the playground that show it, as its links have them
    data     whether `measure` takes a data set; digits by default
    """

    row: str
    name: str
    title: str
    claims: str
    source: str
    measure: Callable[..., Values]
    judge: Callable[[Values], Sequence[Finding]]
    draw: Callable[[Values], Markup]
    core: Sequence[Callable[..., Any]]
    assumed: str = ""
    full: Mapping[str, Any] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)
    tries: tuple[str, str] = ("", "")
    plays: str = ""
    data: bool = False

    def settings(self, size: Size, data: str | None = None) -> dict[str, Any]:
        """What `measure` is called with, besides the seed.

        data  a data set, for experiments that take one; None for their own
        """
        sizes = dict({"quick": {}, "full": self.full, "tiny": self.tiny}[size])
        return {**sizes, "data": data} if self.data and data is not None else sizes

    @property
    def code(self) -> str:
        """The lines that matter, as they stand in the source file."""
        return "\n\n".join(excerpt(function) for function in self.core)


def held(findings: Sequence[Finding]) -> bool:
    """Does the claim stand?"""
    return all(finding.holds for finding in findings if finding.decides)


def excerpt(function: Callable[..., Any], most: int = LINES) -> str:
    """The source of a function without its docstring, at most so many lines of it."""
    lines = inspect.cleandoc("\n" + inspect.getsource(function)).splitlines()
    document = function.__doc__
    if document is not None:
        first = next(n for n, line in enumerate(lines) if line.lstrip().startswith('"""'))
        last = first + document.count("\n")
        lines = lines[:first] + lines[last + 1 :]
    lines = [line.partition("  # type: ignore")[0] for line in lines]  # says nothing of the subject
    if len(lines) > most:
        lines = [*lines[:most], "    ..."]
    return "\n".join(lines)


def figure(value: float) -> str:
    """Three digits that matter, and powers of ten as the sources print them: 2.51e-04, 1e-05."""
    if value and isfinite(value) and not 1e-2 <= abs(value) < 1e9:
        return f"{value:.2e}".replace(".00e", "e")
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"

"""A score: one number that says how good a model is, with its interval and its direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from vitreous.formats import percent, plain
from vitreous.metrics.interval import Interval


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number that says how good a model is.

    name    its key in JSON and in metrics.jsonl, such as balanced_accuracy
    title   its name in a sentence, such as "balanced accuracy"
    bounds  95 % interval, where one is known
    better  which direction is an improvement
    unit    "%" for a fraction in [0, 1], which is written in percent; else what the number counts,
            such as "px", or nothing
    detail  in a few words what it means
    """

    name: str
    title: str
    value: float
    bounds: Interval | None = None
    better: Literal["higher", "lower"] = "higher"
    unit: str = "%"
    detail: str = ""

    @property
    def gain(self) -> float:
        """The value with the sign by which more is better."""
        return self.value if self.better == "higher" else -self.value

    @property
    def is_share(self) -> bool:
        return self.unit == "%"

    def format(self, value: float, digits: int = 1) -> str:
        """Another value of this score, such as a limit of its interval, in its unit."""
        if self.is_share:
            return percent(value, digits)
        return f"{plain(value)}\u202f{self.unit}" if self.unit else plain(value)

    @property
    def text(self) -> str:
        return self.format(self.value)


class Rule(Protocol):
    """What a simple rule reaches on the same examples, so that a score has a scale.

    name    majority, neighbor, mean, ...
    title   the rule in a few words, such as "most frequent class"
    detail  what it does, as a sentence about it would go on: "always answers ..."
    count   number of examples it was asked about
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def count(self) -> int: ...
    def score(self, name: str) -> Score | None:
        """Its score of this name, if the rule has one."""


class Scores(Protocol):
    """What a model is worth on one part of the data, whatever its task.

    count      number of examples
    loss       mean loss of an example
    headline   the score to judge by
    all        all scores, the headline among them, in the order in which they are told
    baselines  what simple rules reach on the same examples
    """

    @property
    def count(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def headline(self) -> Score: ...
    @property
    def all(self) -> tuple[Score, ...]: ...
    @property
    def baselines(self) -> tuple[Rule, ...]: ...
    def to_json(self) -> dict[str, object]:
        """Plain lists, numbers and strings."""

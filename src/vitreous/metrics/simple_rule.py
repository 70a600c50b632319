"""Simple rules as baselines: a rule with its scores, so that those of a model have a scale."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from vitreous.metrics.score import Score


@dataclass(frozen=True, kw_only=True)
class SimpleRule:
    """What a simple rule reaches, under the names of the model's own scores.

    name    majority, mean, neighbor, ...
    title   the rule in a few words, such as "mean of the training values"
    detail  what it does, as a sentence about it would go on: "always answers ..."
    count   number of examples it was asked about
    """

    name: str
    title: str
    detail: str
    count: int
    scores: tuple[Score, ...]

    def score(self, name: str) -> Score | None:
        """Its score of this name, if the rule has one."""
        return next((score for score in self.scores if score.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> SimpleRule:
        """The inverse of `to_json`."""
        scores = (
            Score(**row | {"bounds": row["bounds"] and tuple(row["bounds"])})
            for row in state["scores"]
        )
        return cls(**state | {"scores": tuple(scores)})

"""Evaluation as a value: what a model is worth on one part of data, as `vt.evaluate` returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """A model measured on one part of data.

    run      the run folder, None where the model is no part of one
    model    the name of the network, None where it has none
    task     what it was trained for
    seconds  that measuring took
    scores   by the part that was asked for, such as "test": with attributes, as those of a run
    notes    what a reader of the scores should know, one sentence each
    """

    run: str | None
    model: str | None
    task: str
    seconds: float
    scores: dict[str, Any]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        reached = (f"{part} {one.headline.text}" for part, one in self.scores.items())
        return f"Evaluation({self.model}, {', '.join(reached)})"

    def to_json(self) -> dict[str, Any]:
        """What `vitreous evaluate --json` prints."""
        scores = {part: one.to_json() for part, one in self.scores.items()}
        return {
            "run": self.run,
            "model": self.model,
            "task": self.task,
            "seconds": self.seconds,
            "scores": scores,
            "notes": [*self.notes],
        }

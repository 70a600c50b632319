"""One answer of a network, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a network sees in one image.

    label  name of the class; for a multi-label task the names of all labels that apply
    score  in [0, 1]: probability of that class; for several labels, probability that its least
           certain decision is right
    top    (name, probability), most probable first
    """

    label: str | tuple[str, ...]
    score: float
    top: tuple[tuple[str, float], ...]

    @property
    def text(self) -> str:
        """The label or labels in one line; "none" where no label applies."""
        if isinstance(self.label, str):
            return self.label
        return ", ".join(self.label) or "none"

    def to_json(self) -> dict[str, Any]:
        top = [{"label": label, "score": score} for label, score in self.top]
        label = self.label if isinstance(self.label, str) else list(self.label)
        return {"label": label, "score": self.score, "top": top}

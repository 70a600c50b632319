"""A prediction of classes: the name of one class or of several labels, with probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.drawing.notebook import bars


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

    @property
    def line(self) -> str:
        """The labels that apply where there may be several, and the ranked classes."""
        ranked = "   ".join(f"{label} {score:.1%}" for label, score in self.top)
        return ranked if isinstance(self.label, str) else f"{self.text}   of {ranked}"

    def to_json(self) -> dict[str, Any]:
        top = [{"label": label, "score": score} for label, score in self.top]
        label = self.label if isinstance(self.label, str) else list(self.label)
        return {"label": label, "score": self.score, "top": top}

    def _repr_html_(self) -> str:
        return bars(self.text, self.top)

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image

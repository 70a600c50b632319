"""A box as an answer: what the one thing in an image is, and where, in that image's own pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.drawing.markers import outlines
from vitreous.formats import percent, plain


@dataclass(frozen=True, eq=False)
class PlacedBox:
    """The box of one thing.

    box     (4,) float64: left, top, right and bottom edge; None where there is nothing
    number  of its class; label: the class's name, empty where all boxes are of one kind
    score   how probable the class is
    """

    box: NDArray[np.float64] | None
    number: int = 0
    label: str = ""
    score: float | None = None

    @property
    def text(self) -> str:
        if self.box is None:
            return "none"
        return " ".join([*([self.label] if self.label else []), *map(plain, self.box.tolist())])

    @property
    def line(self) -> str:
        return self.text if self.score is None else f"{self.text}   {percent(self.score)}"

    def to_json(self) -> dict[str, Any]:
        """The box by its edges; and as COCO writes it, left, top, width and height."""
        told: dict[str, Any] = {"box": None if self.box is None else self.box.tolist()}
        if self.box is not None:
            left, top, right, bottom = self.box.tolist()
            told["bbox"] = [left, top, right - left, bottom - top]
        if self.label:
            told["label"] = self.label
        return told if self.score is None else {**told, "score": self.score}

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        boxes = np.zeros((0, 4)) if self.box is None else self.box[None]
        return outlines(image, boxes, [self.number] * len(boxes))

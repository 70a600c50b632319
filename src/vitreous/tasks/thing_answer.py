"""Things as an answer: what an image shows and where, a box each, in that image's own pixels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.drawing.markers import outlines


@dataclass(frozen=True, eq=False)
class PlacedThings:
    """The boxes of one image, the surest first.

    boxes    (n, 4) float64: left, top, right and bottom edge
    numbers  (n,) their classes
    scores   (n,) how sure each is, in [0, 1]; None for the truth
    classes  names; empty where all boxes are of one kind
    """

    boxes: NDArray[np.float64]
    numbers: NDArray[np.int64]
    scores: NDArray[np.float64] | None
    classes: tuple[str, ...] = ()
    score: float | None = None  # of the image as a whole, which nothing is said of

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def labels(self) -> list[str]:
        """The class of each box; empty names where there are no classes."""
        return [self.classes[n] if self.classes else "" for n in self.numbers.tolist()]

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each class that there is, the most first."""
        return dict(Counter(self.labels).most_common())

    @property
    def text(self) -> str:
        return ", ".join(f"{n} {name}".strip() for name, n in self.counts.items()) or "none"

    @property
    def line(self) -> str:
        return "   ".join(f"{name} {n}".strip() for name, n in self.counts.items()) or "none"

    def to_json(self) -> dict[str, Any]:
        """In the way of COCO: `bbox` is left, top, width and height in pixels."""
        told = []
        for place, (box, label) in enumerate(zip(self.boxes.tolist(), self.labels, strict=True)):
            left, top, right, bottom = box
            row: dict[str, Any] = {"bbox": [left, top, right - left, bottom - top]}
            if label:
                row["category"] = label
            if self.scores is not None:
                row["score"] = float(self.scores[place])
            told.append(row)
        return {"boxes": told}

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return outlines(image, self.boxes, self.numbers.tolist(), self.labels)

"""Points as an answer: where each key point of one image lies, in that image's own pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.drawing.markers import dots
from vitreous.drawing.skeleton import limbs
from vitreous.formats import plain


@dataclass(frozen=True, eq=False)
class KeyPoints:
    """Places with names.

    names   of the P points
    places  (P, 3) float64: x and y of pixel centers, and 1 for a point that is told of
    sure    how sure the network is of each, in [0, 1]; empty where it does not say
    """

    names: tuple[str, ...]
    places: NDArray[np.float64]
    sure: tuple[float, ...] = ()

    @property
    def score(self) -> float | None:
        """The mean of the points."""
        return float(np.mean(self.sure)) if self.sure else None

    def _told(self) -> Iterator[tuple[str, float, float]]:
        for name, (x, y, seen) in zip(self.names, self.places.tolist(), strict=True):
            if seen:
                yield name, x, y

    @property
    def text(self) -> str:
        return ", ".join(f"{name} {plain(x)} {plain(y)}" for name, x, y in self._told()) or "none"

    @property
    def line(self) -> str:
        return self.text

    def to_json(self) -> dict[str, Any]:
        """x and y of each point, in pixels; and as COCO writes them, x, y and 2, or 0 for a point
        that is not told of. How sure the network is of each, and of all together.
        """
        rows = ((x, y, 2) if seen else (0, 0, 0) for x, y, seen in self.places.tolist())
        told: dict[str, Any] = {
            "points": {name: [x, y] for name, x, y in self._told()},
            "keypoints": [number for row in rows for number in row],
        }
        if self.sure:
            told["scores"] = dict(zip(self.names, self.sure, strict=True))
            told["score"] = self.score
        return told

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Each point as a dot, and the limbs of a body as lines."""
        return dots(image, self.places, limbs(self.names))

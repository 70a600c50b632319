"""A mask as an answer: the class of each pixel of an image, in its own size, drawn over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.drawing.palette import overlay
from vitreous.formats import percent


@dataclass(frozen=True, eq=False)
class Mask:
    """The class of each pixel of one image.

    labels   (h, w) uint8 class numbers; numbers beyond the classes are pixels without a class
    classes  their names
    """

    labels: NDArray[np.uint8]
    classes: tuple[str, ...]
    score: float | None = None

    @property
    def shares(self) -> dict[str, float]:
        """The share of the image that each class covers, largest first, without absent ones."""
        counts = np.bincount(self.labels.ravel(), minlength=256)[: len(self.classes)]
        order = [k for k in np.argsort(-counts, kind="stable") if counts[k]]
        return {self.classes[k]: float(counts[k] / self.labels.size) for k in order}

    @property
    def text(self) -> str:
        return ", ".join(self.shares) or "none"

    @property
    def line(self) -> str:
        return "   ".join(f"{name} {percent(share)}" for name, share in self.shares.items())

    def to_json(self) -> dict[str, Any]:
        height, width = self.labels.shape
        return {"label": [*self.shares], "shares": self.shares, "height": height, "width": width}

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return overlay(image, self.labels, len(self.classes))

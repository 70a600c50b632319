"""Semantic segmentation: the class of each pixel, by a softmax at each place of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.drawing.palette import overlay

SHOWN = 12  # images in a gallery


@dataclass(frozen=True, eq=False)
class Mask:
    """The class of each pixel of one image.

    labels   (h, w) uint8 class numbers, of the image's own size
    classes  their names
    """

    labels: NDArray[np.uint8]
    classes: tuple[str, ...]
    score: float | None = None

    @property
    def shares(self) -> dict[str, float]:
        """The share of the image that each class covers, largest first, without absent ones."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        order = np.argsort(-counts[: len(self.classes)], kind="stable")
        return {self.classes[k]: float(counts[k] / self.labels.size) for k in order if counts[k]}

    @property
    def text(self) -> str:
        return ", ".join(self.shares)

    @property
    def line(self) -> str:
        return "   ".join(f"{name} {share:.1%}" for name, share in self.shares.items())

    def to_json(self) -> dict[str, Any]:
        height, width = self.labels.shape
        return {"label": [*self.shares], "shares": self.shares, "height": height, "width": width}

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return overlay(image, self.labels, len(self.classes))

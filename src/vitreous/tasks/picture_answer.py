"""A picture as an answer: one image restored, in its own size."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitreous.drawing.markers import colored

GAP = 4  # white pixels between two pictures


@dataclass(frozen=True, eq=False)
class Restored:
    """A picture of the size of the image that was asked about.

    pixels   (h, w, C) uint8
    is_truth whether it is what would be right: it is drawn beside the image that it belongs to
    """

    pixels: NDArray[np.uint8]
    is_truth: bool = False
    score: float | None = None

    @property
    def text(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"a picture of {width} × {height}"

    @property
    def line(self) -> str:
        return self.text

    def to_json(self) -> dict[str, Any]:
        height, width = self.pixels.shape[:2]
        return {"height": height, "width": width}

    def png(self) -> bytes:
        """The picture, gray or RGB; of other numbers of channels the first, or the first three."""
        file = io.BytesIO()
        shown = self.pixels[..., : 3 if self.pixels.shape[2] >= 3 else 1]
        Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else shown).save(file, "PNG")
        return file.getvalue()

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture in place of the image; the right one with the image at its left."""
        if not self.is_truth:
            return colored(self.pixels)
        gap = np.full((len(image), GAP, 3), 255, np.uint8)
        return np.concatenate([colored(image), gap, colored(self.pixels)], axis=1)

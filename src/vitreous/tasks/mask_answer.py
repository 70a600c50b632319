"""A mask as an answer: the class of each pixel of an image, in its own size, drawn over it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitreous.data.maps import IGNORED
from vitreous.drawing.palette import overlay, palette
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

    def png(self) -> bytes:
        """Class numbers as pixels, with the colors of the classes as palette; pixels without a
        class are 255, white.
        """
        colors = np.full((256, 3), 255, np.uint8)
        colors[: len(self.classes)] = palette(len(self.classes))
        numbers = np.where(self.labels < len(self.classes), self.labels, IGNORED).astype(np.uint8)
        picture = Image.fromarray(numbers)
        picture.putpalette(colors.tobytes())
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        return file.getvalue()

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return overlay(image, self.labels, len(self.classes))

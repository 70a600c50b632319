"""A depth map as an answer: how far each pixel of one image is, in its own size."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vitreous.drawing.color_scale import shades
from vitreous.formats import plain

MOST = 65_535  # that a pixel of 16 bits holds


@dataclass(frozen=True, eq=False)
class DepthMap:
    """The depth of each pixel of one image.

    depth  (h, w) float32 in the unit of the data; NaN where it is not known
    steps  of a 16-bit PNG that make one unit
    """

    depth: NDArray[np.float32]
    steps: float = 1.0
    score: float | None = None

    @property
    def range(self) -> tuple[float, float] | None:
        """The nearest and the farthest depth; None where none is known."""
        known = self.depth[np.isfinite(self.depth)]
        return (float(known.min()), float(known.max())) if len(known) else None

    @property
    def text(self) -> str:
        ends = self.range
        return f"{plain(ends[0])} to {plain(ends[1])}" if ends else "unknown"

    @property
    def line(self) -> str:
        return f"depth {self.text}"

    def to_json(self) -> dict[str, Any]:
        """The ends of the map, and the steps of its PNG that make one unit."""
        known = self.depth[np.isfinite(self.depth)]
        height, width = self.depth.shape
        found: dict[str, Any] = {"height": height, "width": width, "steps_per_unit": self.steps}
        if len(known):
            found["nearest"], found["farthest"] = float(known.min()), float(known.max())
            found["median"] = float(np.median(known))
        return found

    def png(self) -> bytes:
        """A PNG of 16 bits a pixel: depth times `steps`, and 0 where it is not known. A text in it
        says so.
        """
        known = np.isfinite(self.depth)
        numbers = np.rint(np.where(known, self.depth, 0) * self.steps)
        pixels = np.where(known, np.clip(numbers, 1, MOST), 0).astype(np.uint16)
        told = PngInfo()
        told.add_text("Description", f"depth = value / {self.steps:g}; 0 is unknown")
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", pnginfo=told)
        return file.getvalue()

    def npy(self) -> bytes:
        """The depths as they are, float32, NaN where they are not known."""
        file = io.BytesIO()
        np.save(file, self.depth)
        return file.getvalue()

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Colors in place of the image: what is near dark blue, what is far yellow."""
        low, high = self.range or (0.0, 1.0)
        return shades(self.depth, low, high)

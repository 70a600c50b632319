"""An explanation: an image, where in it the evidence lies, and what was asked; it shows itself."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cached_property
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitreous.explain.heat import laid_over
from vitreous.tasks.answer import Answer

SIDE = 320  # pixels of the longer side of a small image, where it is shown
HOT = 0.5  # of the largest heat: what is inside the box of the evidence


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a network answers as it does about one image.

    image   (h, w, C) uint8, as it was decoded
    heat    (h, w) float32 over it, 0 where the network did not look; positive speaks for the
            target, negative against it. The unit is that of the method
    target  what is asked about, such as a class
    value   of the target: a logit, a score, an activation
    answer  of the network
    method  a key of METHODS
    layer   that was looked at; "" for a method that looks at pixels
    says    what its colors mean
    """

    image: NDArray[np.uint8]
    heat: NDArray[np.float32]
    target: str
    value: float
    answer: Answer
    method: str
    layer: str
    says: str

    @property
    def empty(self) -> bool:
        """Is there no evidence at all? A Grad-CAM is, where all maps speak against the target."""
        return not bool(self.heat.any())

    @property
    def peak(self) -> tuple[int, int]:
        """x and y of the greatest heat."""
        row, column = np.unravel_index(int(self.heat.argmax()), self.heat.shape)
        return int(column), int(row)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom, half-open: around what has at least half of the greatest heat;
        zeros where nothing is positive.
        """
        largest = float(self.heat.max())
        if largest <= 0:
            return 0, 0, 0, 0
        rows, columns = np.nonzero(self.heat >= HOT * largest)
        left, top = int(columns.min()), int(rows.min())
        return left, top, int(columns.max()) + 1, int(rows.max()) + 1

    @cached_property
    def overlay(self) -> NDArray[np.uint8]:
        """The heat in color over the image in gray, (h, w, 3)."""
        return laid_over(self.image, self.heat)

    @property
    def text(self) -> str:
        """In one line."""
        where = f" in {self.layer}" if self.layer else ""
        nothing = "   nothing speaks for it here" if self.empty else ""
        return f"{self.target}   by {self.method}{where}{nothing}"

    def png(self) -> bytes:
        """The overlay as a PNG file; pixels of small images are enlarged to squares."""
        times = max(1, SIDE // max(self.overlay.shape[:2]))
        file = BytesIO()
        Image.fromarray(self.overlay.repeat(times, 0).repeat(times, 1)).save(file, "PNG")
        return file.getvalue()

    def to_json(self) -> dict[str, Any]:
        """What was asked and found, in pixels of the image as it was decoded."""
        height, width = self.heat.shape
        return {
            "target": self.target,
            "value": self.value,
            "method": self.method,
            "layer": self.layer or None,
            "answer": self.answer.to_json(),
            "width": width,
            "height": height,
            "peak": None if self.empty else [*self.peak],
            "box": [*self.box] if any(self.box) else None,
            "least": float(self.heat.min()),
            "greatest": float(self.heat.max()),
        }

    def _repr_png_(self) -> bytes:
        return self.png()

    def _repr_html_(self) -> str:
        source = b64encode(self.png()).decode()
        return (
            f'<figure style="display:inline-block;margin:0"><img style="max-width:100%" '
            f'src="data:image/png;base64,{source}" alt="{escape(self.text)}">'
            f"<figcaption>{escape(self.text)}<br>{escape(self.says)}; answer: "
            f"{escape(self.answer.text)}</figcaption></figure>"
        )

    def __repr__(self) -> str:
        return f"<Explanation of {self.text}>"

"""An adversarial example: an image, the change that makes a network answer otherwise, and both
answers.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.drawing.thumbnail import thumbnail
from vitreous.formats import plain
from vitreous.robust.norms import norm_of
from vitreous.tasks import Answer

Pixels = NDArray[np.uint8]
FULL = 127  # the largest change, when it is enlarged


def enlarged(clean: Pixels, attacked: Pixels) -> tuple[Pixels, float]:
    """(H, W, C) the change, gray where there is none, and how many times it was enlarged."""
    difference = attacked.astype(np.int16) - clean.astype(np.int16)
    largest = int(np.abs(difference).max())
    gain = FULL / largest if largest else 1.0
    return np.rint(128 + gain * difference).clip(0, 255).astype(np.uint8), gain


@dataclass(frozen=True, eq=False)
class AdversarialExample:
    """What an attack made of one image.

    clean, attacked  (H, W, C) uint8, as the network sees them, and as a file can hold them
    before, after    answers; `after` is that to the bytes of `attacked`
    size             of the change, by the norm, in its unit: gray levels, or percent of the pixels
    norm, attack     that were asked for
    """

    clean: Pixels
    attacked: Pixels
    before: Answer
    after: Answer
    size: float
    norm: str
    attack: str

    @property
    def fooled(self) -> bool:
        """Is the answer another one?"""
        return self.before.text != self.after.text

    @property
    def change(self) -> Pixels:
        """(H, W, C) the change, enlarged; gray where there is none."""
        return enlarged(self.clean, self.attacked)[0]

    @property
    def text(self) -> str:
        row = norm_of(self.norm)
        became = f"became {self.after.text}" if self.fooled else "stayed so"
        return f"{self.before.text} {became}, {row.title} {plain(self.size)} {row.unit}"

    def to_json(self) -> dict[str, Any]:
        return {
            "attack": self.attack,
            "norm": self.norm,
            "size": self.size,
            "fooled": self.fooled,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
        }

    def _repr_html_(self) -> str:
        """The image, the attacked one and the change, side by side."""
        pictures = "".join(
            f'<img style="width:30%;image-rendering:pixelated" src="{uri(pixels)}" alt="{name}"> '
            for name, pixels in (
                ("as it is", self.clean),
                ("attacked", self.attacked),
                ("the change, enlarged", self.change),
            )
        )
        return f"<figure>{pictures}<figcaption>{escape(self.text)}</figcaption></figure>"


def uri(pixels: Pixels, side: int = 320) -> str:
    """A small picture as a data URI."""
    picture = thumbnail(pixels, side)
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"

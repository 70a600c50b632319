"""Small pictures for reports: a few kilobytes each, whatever the image was."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 192  # pixels of the longer side; sharp at twice the density of a phone's gallery


@dataclass(frozen=True)
class Thumbnail:
    """The bytes of a PNG of a small image, or of a JPEG, as a page holds them."""

    picture: bytes

    @property
    def small(self) -> bool:
        """Are its pixels to be seen as squares?"""
        return self.picture.startswith(b"\x89PNG")

    @property
    def source(self) -> str:
        kind = "png" if self.small else "jpeg"
        return f"data:image/{kind};base64,{b64encode(self.picture).decode()}"


def thumbnail(pixels: NDArray[np.uint8], side: int = SIDE) -> bytes:
    """PNG of a small image, pixel by pixel; JPEG of a larger one, scaled down.

    pixels  (H, W, C) uint8: 1 channel is gray, of more than 3 the first three are shown
    """
    channels = pixels.shape[2]
    shown = pixels[..., :3] if channels >= 3 else pixels[..., 0]
    image = Image.fromarray(np.ascontiguousarray(shown))
    file = BytesIO()
    if max(image.size) <= 64:
        image.save(file, "PNG", optimize=True)
    else:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        image.save(file, "JPEG", quality=80, optimize=True)
    return file.getvalue()

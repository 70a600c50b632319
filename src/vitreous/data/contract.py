"""The pixel contract: how any image becomes the tensor that a network sees.

It is part of every model file, and this module is the only place that carries it out: evaluation,
prediction, serving and export all call it, so they cannot disagree. Normalization (mean and
deviation) is not here, because it is the first layer of the network itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.data.dataset import Pixels
from vitreous.errors import ModelFileError
from vitreous.shapes import Images

Fit = Literal["crop", "squash", "pad"]


@dataclass(frozen=True, kw_only=True)
class PixelContract:
    """Size, channels and fitting rule of a network's input.

    height, width  of the input, in pixels
    channels       1 grey, 3 RGB, or any other number
    fit            crop: shorter side to size, then the center; squash: both sides, ignoring the
                   aspect; pad: longer side to size, then black borders
    """

    height: int
    width: int
    channels: int
    fit: Fit = "crop"

    def row(self, image: Pixels) -> Pixels:
        """One decoded image (h, w, channels) to one row of a pack, (height, width, channels)."""
        height, width = image.shape[:2]
        if (height, width) == (self.height, self.width):
            return image
        scales = self.height / height, self.width / width
        if self.fit == "squash":
            target = self.height, self.width
        else:
            scale = max(scales) if self.fit == "crop" else min(scales)
            target = max(1, round(height * scale)), max(1, round(width * scale))
        image = resize(image, *target)
        return center(image, self.height, self.width)

    def images(self, rows: NDArray[np.uint8] | torch.Tensor) -> Images:
        """Rows (B, H, W, C) uint8 to images (B, C, H, W) float32 in [0, 1], channels last."""
        tensor = torch.as_tensor(rows)
        return (
            tensor.permute(0, 3, 1, 2)
            .to(torch.float32, memory_format=torch.channels_last)
            .div_(255)
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> PixelContract:
        """The contract in a model file's header. Raises ModelFileError on anything unexpected."""
        sizes = [fields.get(name) for name in ("height", "width", "channels")]
        if (
            set(fields) != {"height", "width", "channels", "fit"}
            or not all(type(size) is int and 1 <= size <= 1 << 14 for size in sizes)
            or fields["fit"] not in ("crop", "squash", "pad")
        ):
            raise ModelFileError(f"the pixel contract {fields} is not one", where="header")
        return cls(**fields)


def resize(image: Pixels, height: int, width: int) -> Pixels:
    """Area averaging when shrinking, cubic when enlarging; any number of channels."""
    if image.shape[:2] == (height, width):
        return image
    shrinking = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    resized = cv2.resize(image, (width, height), interpolation=method)
    return resized.reshape(height, width, image.shape[2]).astype(np.uint8, copy=False)


def center(image: Pixels, height: int, width: int) -> Pixels:
    """The central height × width window; where the image is smaller, black borders."""
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    window = image[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]
    if window.shape[:2] == (height, width):
        return np.ascontiguousarray(window)
    framed = np.zeros((height, width, image.shape[2]), np.uint8)
    y, x = max(-top, 0), max(-left, 0)
    framed[y : y + window.shape[0], x : x + window.shape[1]] = window
    return framed

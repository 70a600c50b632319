"""Preprocessing: the pixel contract says how any image becomes the tensor that a network sees.

It is part of every model file, and this module is the only place that carries it out: evaluation,
prediction, serving and export all call it, so they cannot disagree. Normalization (mean and
deviation) is not here, because it is the first layer of the network itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.data.dataset import Pixels
from vitreous.data.images.decode import Source, decode
from vitreous.data.images.frame import Frame, Size
from vitreous.data.images.pixels import with_channels
from vitreous.errors import ModelFileError, ShapeError
from vitreous.fields import Between, field_types, misfit
from vitreous.shapes import Images

Count = Annotated[int, Between(1, 1 << 14)]
Fit = Literal["crop", "squash", "pad", "native"]


@dataclass(frozen=True, kw_only=True)
class PixelContract:
    """Size, channels and fitting rule of a network's input.

    height, width  of the input, in pixels
    channels       1 gray, 3 RGB, or any other number
    fit            crop: shorter side to size, then the center; squash: both sides, ignoring the
                   aspect; pad: longer side to size, then black borders; native: nothing is resized,
                   the center is cut out or bordered
    exact          decode JPEGs at full scale, so that frames refer to the pixels of the file:
                   what targets need that lie in the image
    """

    height: Count
    width: Count
    channels: Count
    fit: Fit = "crop"
    exact: bool = False

    @property
    def at_least(self) -> int:
        """Shorter side, in pixels, below which a JPEG must not be decoded, or 0: see `decode`."""
        return 0 if self.exact else max(self.height, self.width)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def row(self, image: Pixels) -> Pixels:
        """One decoded image (h, w, c) to one row of a pack, (height, width, channels).

        Gray becomes RGB and RGB gray, as in `decode`; raises ImageError for other numbers.
        """
        image = with_channels(image, self.channels)
        if image.shape[:2] == (self.height, self.width):
            return image
        if self.fit != "native":
            part, inner = self._sizes(image.shape[0], image.shape[1])
            image = resize(center(image, *part), *inner)
        return np.ascontiguousarray(center(image, self.height, self.width))

    def frame(self, height: int, width: int) -> Frame:
        """Where `row` puts the pixels of a decoded image of this size.

        Unless the contract is exact, a JPEG may be decoded at a smaller size than its file's.
        """
        size = self.height, self.width
        part, inner = self._sizes(height, width)
        cut = center_frame((height, width), part)
        return cut.then(resize_frame(part, inner)).then(center_frame(inner, size))

    def _sizes(self, height: int, width: int) -> tuple[Size, Size]:
        """The sizes of the part of an image that is shown, and of what it is resized to."""
        own = self.height, self.width
        if self.fit == "native":
            return (height, width), (height, width)
        if self.fit == "squash":
            return (height, width), own
        scales = self.height / height, self.width / width
        if self.fit == "crop":
            # The window is cut before it is resized, so that a strip of 1 x 20,000 stays small.
            return _rounded(self.height / max(scales), self.width / max(scales)), own
        return (height, width), _rounded(height * min(scales), width * min(scales))

    def around(self, height: int, width: int) -> PixelContract:
        """The contract whose window is an image of this size."""
        return replace(self, height=height, width=width)

    def load(self, source: Source) -> Pixels:
        """Any image that `decode` takes as one row, (height, width, channels).

        Raises ImageError with the name and the reason.
        """
        return self.row(decode(source, channels=self.channels, at_least=self.at_least))

    def images(
        self, rows: NDArray[np.uint8] | torch.Tensor, out: NDArray[np.float32] | None = None
    ) -> Images:
        """Rows (B, H, W, C) uint8 to images (B, C, H, W) float32 in [0, 1], channels last.

        out  memory (B, H, W, C) for the images of rows that are an array
        """
        if tuple(rows.shape[1:]) != self.shape or len(rows.shape) != 4:
            raise ShapeError(
                f"rows of shape {tuple(rows.shape)} for a contract of (B, H, W, C) = "
                f"{('B', *self.shape)}",
                remedy="Make rows with the contract's own `row`.",
            )
        if isinstance(rows, np.ndarray):
            # Converted and divided in one pass, without torch's threads, which would compete with
            # the network's own when batches are prepared in the background.
            floats = np.divide(rows, np.float32(255), out=out, dtype=np.float32)
            return torch.from_numpy(floats).permute(0, 3, 1, 2)
        channels_last = rows.permute(0, 3, 1, 2)
        return channels_last.to(torch.float32, memory_format=torch.channels_last).div_(255)

    def to_json(self) -> dict[str, Any]:
        fields = asdict(self)
        if not self.exact:  # as headers were before there was a choice
            del fields["exact"]
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> PixelContract:
        """The contract in a model file's header. Raises ModelFileError on anything unexpected."""
        kinds, given = field_types(cls), {"exact": False, **fields}
        if given.keys() != kinds.keys() or misfit(given, kinds):
            raise ModelFileError(f"the pixel contract {fields} is not one", where="header")
        return cls(**given)


def resize(image: Pixels, height: int, width: int) -> Pixels:
    """Shrink linearly, below one half after averaging whole blocks of pixels; enlarge cubically.

    Any number of channels. Exact areas throughout would take eight times as long.
    """
    blocks, covered = _blocks((image.shape[0], image.shape[1]), (height, width))
    if blocks != covered:
        image = _interpolate(center(image, *covered), *blocks, cv2.INTER_AREA)
    if image.shape[:2] == (height, width):
        return image
    shrinking = height * width < image.shape[0] * image.shape[1]
    return _interpolate(image, height, width, cv2.INTER_LINEAR if shrinking else cv2.INTER_CUBIC)


def resize_frame(source: Size, size: Size) -> Frame:
    """Where `resize` puts pixels: the middle, as far as whole blocks cover it, fills the result."""
    _, covered = _blocks(source, size)
    top, left = _offsets(source, covered)
    box = left, top, left + covered[1], top + covered[0]
    return Frame.resized_crop(source, size, box)


def _blocks(source: Size, size: Size) -> tuple[Size, Size]:
    """How many blocks are averaged down and across, and how many pixels they cover."""
    tall, wide = (max(1, length // wanted) for length, wanted in zip(source, size, strict=True))
    blocks = source[0] // tall, source[1] // wide
    return blocks, (blocks[0] * tall, blocks[1] * wide)


def _rounded(height: float, width: float) -> Size:
    return max(1, round(height)), max(1, round(width))


def _interpolate(image: Pixels, height: int, width: int, method: int) -> Pixels:
    channels = image.shape[2]
    if channels > 4:  # more than OpenCV averages at once
        parts = (image[..., first : first + 4] for first in range(0, channels, 4))
        return np.concatenate([_interpolate(p, height, width, method) for p in parts], axis=2)
    resized = cv2.resize(image, (width, height), interpolation=method)
    return resized.reshape(height, width, channels).astype(np.uint8, copy=False)


def center(image: Pixels, height: int, width: int) -> Pixels:
    """The central height × width window, a view; where the image is smaller, black borders."""
    top, left = _offsets((image.shape[0], image.shape[1]), (height, width))
    window = image[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]
    if window.shape[:2] == (height, width):
        return window
    framed = np.zeros((height, width, image.shape[2]), np.uint8)
    y, x = max(-top, 0), max(-left, 0)
    framed[y : y + window.shape[0], x : x + window.shape[1]] = window
    return framed


def center_frame(source: Size, size: Size) -> Frame:
    """Where `center` puts pixels."""
    top, left = _offsets(source, size)
    return Frame.resized_crop(source, size, (left, top, left + size[1], top + size[0]))


def _offsets(source: Size, size: Size) -> tuple[int, int]:
    """Lines above the central window and columns left of it; negative where it is larger."""
    return (source[0] - size[0]) // 2, (source[1] - size[1]) // 2

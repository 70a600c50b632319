"""The rules that turn pixel values of any kind into gray or RGB bytes.

Nothing here knows a file format; `decode` and the readers of arrays share these rules.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Pixels
from vitreous.data.images.remarks import SHADES, Remark, tell
from vitreous.errors import ImageError

VALUES = "Use uint8, uint16, or floats between 0 and 1."
COLORS = (1, 3, 4)  # channels of pictures


def check_channel_axis(shape: Sequence[int], *, first: bool = False) -> None:
    """Raises ImageError where an array of images has its channels on the other side.

    shape  (…, H, W, C), or (…, C, H, W) if the channels come first, as in a tensor
    """
    if len(shape) < 3:
        return
    outer, inner = shape[-3], shape[-1]
    expected, other = (outer, inner) if first else (inner, outer)
    if other in COLORS and expected > max(COLORS):
        axes = list(range(len(shape) - 3))
        order = (2, 0, 1) if first else (1, 2, 0)
        turn = ", ".join(str(axis) for axis in [*axes, *(len(axes) + axis for axis in order)])
        word, verb = ("first", "permute") if first else ("last", "transpose")
        raise ImageError(
            f"is an array of shape {tuple(shape)}, whose channels seem to come "
            f"{'last' if first else 'first'}",
            remedy=f"Put the channels {word}: {verb}({turn}).",
        )


def as_bytes(array: NDArray[np.generic], bits: int = 16) -> NDArray[np.uint8]:
    """Pixel values of any kind to uint8, whatever the shape.

    bits  that uint16 values have

    uint16 keeps its upper 8 bits; floats in [0, 1] are scaled to 255 and rounded; bool gives 0 and
    255. If few of many shades are left, that is told. Raises ImageError for other types and for
    floats outside [0, 1].
    """
    kind, size = array.dtype.kind, array.dtype.itemsize  # of either byte order
    if kind == "u" and size == 1:
        return np.asarray(array, np.uint8)
    if kind == "u" and size == 2:
        upper = np.asarray(np.asarray(array, np.uint16) >> (bits - 8), np.uint8)
        return compared(array, upper)
    if kind == "b":
        return np.asarray(array, np.uint8) * np.uint8(255)
    if kind != "f":
        raise ImageError(f"holds values of type {array.dtype}", remedy=VALUES)
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if not (low >= 0 and high <= 1):  # also true for NaN
        raise ImageError(
            f"holds floats from {low:g} to {high:g}",
            remedy="Scale floats to lie between 0 and 1, or use uint8.",
        )
    precision = np.float64 if size == 8 else np.float32
    scaled: NDArray[np.uint8] = np.rint(array.astype(precision) * 255).astype(np.uint8)
    return compared(array, scaled)


def compared(before: NDArray[np.generic], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`after`, and it is told if a few shades or a single one are left of many."""
    if not after.size:
        return after
    plane = np.ascontiguousarray(after).reshape(-1, 1)
    left = int(np.count_nonzero(cv2.calcHist([plane], [0], None, [256], [0, 256])))
    if left <= SHADES:
        there = len(np.unique(before))
        if left == 1 and there > 1:
            tell(Remark.LOST)
        elif there > 2 * left:
            tell(Remark.SHADES)
    return after


def one_color(image: NDArray[np.generic]) -> bool:
    """Are all pixels (H, W, …) equal?"""
    first, middle = image[0, 0], image[len(image) // 2, image.shape[1] // 2]
    if first.tolist() != middle.tolist() or first.tolist() != image[-1, -1].tolist():
        return False  # as quickly as possible for nearly all
    return bool((image[::31, ::31] == first).all() and (image == first).all())


def with_channels(image: Pixels, channels: int | None) -> Pixels:
    """The image with that many channels; None keeps its own. Raises ImageError.

    Gray is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601); gray becomes color by repetition.
    """
    own = image.shape[2]
    if channels is None or channels == own:
        return np.ascontiguousarray(image)
    if (own, channels) == (3, 1):
        gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        return np.asarray(gray, np.uint8)[:, :, None]
    if (own, channels) == (1, 3):
        return np.repeat(image, 3, axis=2)
    raise ImageError(
        f"has {own} channels where {channels} are expected",
        remedy="Only 1 and 3 channels convert into each other.",
    )


def over_white(image: Pixels) -> Pixels:
    """(H, W, C + 1), whose last channel is alpha, to (H, W, C) on a white ground."""
    color, alpha = image[:, :, :-1].astype(np.uint16), image[:, :, -1:].astype(np.uint16)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)

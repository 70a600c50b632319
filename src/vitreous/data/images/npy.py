"""NumPy arrays in files (.npy), whose shape and type are known before a number is read."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.images.pixels import check_channel_axis
from vitreous.errors import ImageError

SHAPES = "Use the shape (height, width) or (height, width, channels)."


def npy_shape(data: bytes) -> tuple[int, int, int, str]:
    """Height, width, channels and type. Raises ImageError for what is no image."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, kind = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, kind = np.lib.format.read_array_header_2_0(file)
    if kind.hasobject:
        raise ImageError("holds Python objects (a pickle)", remedy="Save plain numbers instead.")
    return *image_shape(shape), str(kind)


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels of an array (H, W) or (H, W, C). Raises ImageError."""
    if len(shape) not in (2, 3):
        raise ImageError(f"is an array of shape {shape}", remedy=SHAPES)
    check_channel_axis(shape)
    height, width, channels = (*shape, 1)[:3]
    return height, width, channels


def read_npy(data: bytes) -> NDArray[Any]:
    """The array as it is stored."""
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))

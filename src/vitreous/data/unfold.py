"""An image as one long vector, column by column, and back.

A linear classifier sees x in R^d and knows nothing of neighborhoods: an image I of R rows, C
columns and K channels is unfolded by stacking its columns, one channel after the other. Refolded
the same way, the weights of one of its units become a picture: the unit's template.

    x[r + R (c + C k)] = I[r, c, k]

This is MATLAB's and Fortran's order of an array in memory. `refold(unfold(I)) == I`, exactly.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import ShapeError

Value = TypeVar("Value", bound=np.generic)


def unfold(images: NDArray[Value]) -> NDArray[Value]:
    """(..., H, W, C) to (..., H W C): columns first. Raises ShapeError for fewer than 3 axes."""
    if images.ndim < 3:
        raise ShapeError(
            f"an array of shape {images.shape} is no image",
            remedy="Use (height, width, channels), with any axes before them.",
        )
    *before, height, width, channels = images.shape
    # Reversing the three axes makes row-major order run down the columns.
    return images.swapaxes(-3, -1).reshape(*before, height * width * channels)


def refold(vectors: NDArray[Value], height: int, width: int, channels: int = 1) -> NDArray[Value]:
    """(..., H W C) to (..., H, W, C): the inverse of `unfold`. Raises ShapeError."""
    size = height * width * channels
    if not vectors.ndim or vectors.shape[-1] != size:
        raise ShapeError(
            f"vectors of shape {vectors.shape} for images of {height} × {width} × {channels}",
            remedy=f"Their last axis has to have {size:,} entries.",
        )
    return vectors.reshape(*vectors.shape[:-1], channels, width, height).swapaxes(-3, -1)

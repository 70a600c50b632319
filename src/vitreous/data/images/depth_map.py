"""Depth maps: images whose values are distances, not shades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from vitreous.data.images import tiff
from vitreous.data.images.decode import named, opened
from vitreous.data.images.exif import turned, upright
from vitreous.data.images.npy import read_npy
from vitreous.data.images.pillow_image import load
from vitreous.data.images.read_file import printable, read_bytes
from vitreous.data.images.tiff import Layout
from vitreous.errors import ImageError

MODES = ("L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
REMEDY = "Save depths as PNG or TIFF of one channel with 16 bits, or as .npy of floats."


def read_depth(source: str | Path) -> NDArray[np.float32]:
    """A depth map as (h, w), in the unit in which it is stored; NaN where nothing was measured,
    which is stored as 0, as a number below it, or as one that is not finite.

    Raises ImageError for pictures in colors, and for JPEGs, whose compression smears distances.
    """
    with named(printable(source)):
        data = read_bytes(source)
        head, picture = opened(data)
        array = _stored(data, head.format, picture)
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[:, :, 0]
        if array.ndim != 2 or array.dtype.kind not in "iuf":
            raise ImageError(
                f"has values of the type {array.dtype} and the shape {array.shape}", remedy=REMEDY
            )
        with np.errstate(over="ignore"):
            depths = array.astype(np.float32)
        depths[~(np.isfinite(depths) & (depths > 0))] = np.nan
        return depths


def _stored(data: bytes, kind: str, picture: Any) -> NDArray[Any]:
    if kind == "JPEG":
        raise ImageError("is a JPEG, which smears distances", remedy=REMEDY)
    if kind == "NPY":
        return read_npy(data)
    if isinstance(picture, Layout):
        array: Any = tiff.numbers(data, picture)
        return turned(array, picture.orientation)
    if not isinstance(picture, ImageFile.ImageFile) or picture.mode not in MODES:
        raise ImageError("is a picture in colors, not of distances", remedy=REMEDY)
    load(picture, kind, data)
    values: Any = np.asarray(picture)[:, :, None]
    return upright(values, picture.info.get("exif", b""))

"""Masks as they are drawn: an image whose values are numbers of classes, not shades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile

from vitreous.data.images import tiff
from vitreous.data.images.decode import named, opened
from vitreous.data.images.exif import turned, upright
from vitreous.data.images.npy import read_npy
from vitreous.data.images.pillow_image import load
from vitreous.data.images.read_file import printable, read_bytes
from vitreous.data.images.tiff import Layout
from vitreous.errors import ImageError

LARGEST = 255  # class number that a byte can hold
REMEDY = (
    "Save masks as PNG or TIFF of one channel, with the class number of each pixel; or put a file "
    "colors.txt beside their folder, with a line such as `128 64 128 road` for each class."
)


def read_mask(source: str | Path | bytes, *, where: str | None = None) -> NDArray[np.uint8]:
    """A mask as (h, w) class numbers, exactly as they are stored.

    Of a palette of colors the positions count and not the colors; a palette of grays means its
    shades, since each GIF orders them anew. Three channels are one if they are equal.
    Raises ImageError for colors, for transparency, for numbers beyond 255, and for JPEGs, whose
    compression smears numbers into their neighbors.
    """
    if where is None and not isinstance(source, bytes):
        where = printable(source)
    with named(where):
        head, picture, data = _opened(source)
        if head.format == "NPY":
            return _numbers(read_npy(data))
        if isinstance(picture, Layout):
            array = _numbers(tiff.numbers(data, picture))
            return turned(array[:, :, None], picture.orientation)[:, :, 0]
        if not isinstance(picture, ImageFile.ImageFile):
            raise ImageError(f"has {head.channels} channels, not one", remedy=REMEDY)
        load(picture, head.format, data)
        if head.format == "TIFF" and picture.mode == "L" and _white_is_zero(picture):
            raise ImageError(
                "has white as zero, so that its numbers may be meant either way",
                remedy="Save it with tifffile's photometric='minisblack'.",
            )
        palette = np.array(picture.getpalette() or [], np.uint8).reshape(-1, 3)
        gray = picture.mode == "P" and bool((palette == palette[:, :1]).all())
        array = _numbers(np.asarray(picture.convert("L") if gray else picture))
        return upright(array[:, :, None], picture.info.get("exif", b""))[:, :, 0]


def read_colors(source: str | Path) -> NDArray[np.uint8]:
    """A mask that is drawn in colors, (h, w, 3) RGB, exactly as they are stored.

    Raises ImageError for JPEGs, and for what is no image of bytes.
    """
    with named(printable(source)):
        head, picture, _ = _opened(source)
        if not isinstance(picture, ImageFile.ImageFile):
            raise ImageError(f"is a {head.format} file, which has no colors", remedy=REMEDY)
        picture.load()
        if picture.mode not in ("RGB", "RGBA", "P", "L", "1"):
            raise ImageError(f"has pixels of the kind {picture.mode}, not RGB", remedy=REMEDY)
        array = np.asarray(picture.convert("RGB"))
        return upright(array, picture.info.get("exif", b""))


def in_colors(source: str | Path) -> bool:
    """Is a mask drawn in three channels that differ? False for one that cannot be read."""
    try:
        array = read_colors(source)
        with named(printable(source)):
            _, picture, _ = _opened(source)
    except ImageError:
        return False
    several = isinstance(picture, ImageFile.ImageFile) and picture.mode in ("RGB", "RGBA")
    return several and bool((array != array[:, :, :1]).any())


def _opened(source: str | Path | bytes) -> tuple[Any, Any, bytes]:
    data = source if isinstance(source, bytes) else read_bytes(source)
    head, picture = opened(data)
    if head.format == "JPEG":
        raise ImageError("is a JPEG, which smears the numbers of a mask", remedy=REMEDY)
    return head, picture, data


def _numbers(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim == 3 and array.shape[2] in (1, 3) and (array == array[:, :, :1]).all():
        array = array[:, :, 0]
    if array.ndim != 2:
        raise ImageError(
            f"holds colors ({array.shape[2]} channels), not numbers of classes"
            if array.ndim == 3
            else f"is an array of shape {array.shape}",
            remedy=REMEDY,
        )
    if array.dtype.kind not in "iub":
        raise ImageError(f"holds values of type {array.dtype}", remedy=REMEDY)
    if array.size and (array.min() < 0 or array.max() > LARGEST):
        raise ImageError(
            f"holds numbers from {array.min()} to {array.max()}",
            remedy=f"Number the classes 0, 1, 2, …; {LARGEST} is ignored.",
        )
    return array.astype(np.uint8)


def _white_is_zero(picture: ImageFile.ImageFile) -> bool:
    tags = picture.tag_v2 if isinstance(picture, TiffImageFile) else {}
    return tags.get(PHOTOMETRIC_INTERPRETATION) == tiff.WHITE_IS_ZERO

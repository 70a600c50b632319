"""TIFF of many channels, which Pillow would refuse or thin out to RGB; by tifffile.

The channels are samples of one page, or the pages are slices of one array, as tifffile and ImageJ
save it. Of any other file of many pages the first one counts.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import (
    EXTRASAMPLES,
    IMAGEDESCRIPTION,
    PHOTOMETRIC_INTERPRETATION,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    ImageFileDirectory_v2,
)

from vitreous.data.images.exif import ORIENTATION
from vitreous.errors import missing

if TYPE_CHECKING:
    import tifffile


def shape(data: bytes) -> tuple[int, int, int, str] | None:
    """Height, width, channels and type of the numbers; None for what Pillow reads in full.

    Raises UsageError for what only tifffile reads, where it is missing.
    """
    try:
        import tifffile
    except ImportError as error:
        if not beyond_pillow(data):
            return None
        raise missing("tifffile", "tiff", "a TIFF of many channels or of slices") from error
    try:
        file = tifffile.TiffFile(io.BytesIO(data))
    except (tifffile.TiffFileError, ValueError, IndexError):
        return None  # then Pillow shall say why
    with file:
        if (stack := _stack(file)) is not None:
            channels = stack.shape[_bands(stack)]
            height, width = (side for axis, side in enumerate(stack.shape) if axis != _bands(stack))
            return height, width, channels, str(stack.dtype)
        page = file.pages.first
        plain = page.photometric not in (1, 2) or (
            page.samplesperpixel <= 4
            and tifffile.EXTRASAMPLE.UNSPECIFIED not in page.extrasamples
            and (page.dtype is None or page.dtype.kind != "f" or page.samplesperpixel == 1)
        )
        if plain:
            return None
        sizes = dict(zip(page.axes, page.shape, strict=True))
        return page.imagelength, page.imagewidth, sizes.get("S", 1), str(page.dtype)


def read(data: bytes) -> tuple[NDArray[np.generic], int]:
    """The numbers, (H, W) or (H, W, C) as stored, and their orientation, 1 to 8 as in EXIF."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        if (stack := _stack(file)) is not None:
            return np.moveaxis(stack.asarray(), _bands(stack), 2), 1
        page = file.pages.first
        array = page.asarray()
        array = np.moveaxis(array, 0, 2) if page.axes == "SYX" else array
        return array, page.tags.valueof(ORIENTATION, 1)


def beyond_pillow(data: bytes) -> bool:
    """May Pillow refuse this TIFF, or read a part of it only? Told from its tags, without tifffile:
    more than four channels, channels of no known meaning or of floats, slices of one array.
    """
    try:
        tags = ImageFileDirectory_v2(data[: 16 if data[2] == 43 else 8])  # 43: BigTIFF
        file = io.BytesIO(data)
        file.seek(tags.next)
        tags.load(file)
        meaning, samples = tags.get(PHOTOMETRIC_INTERPRETATION, 0), tags.get(SAMPLESPERPIXEL, 1)
        unknown, floats = 0 in tags.get(EXTRASAMPLES, ()), 3 in tags.get(SAMPLEFORMAT, ())
        text = str(tags.get(IMAGEDESCRIPTION, ""))
    except Exception:  # damaged: Pillow shall say how
        return False
    slices = tags.next != 0 and ("shape" in text or text.startswith("ImageJ="))
    return slices or (meaning in (1, 2) and (samples > 4 or unknown or (floats and samples > 1)))


def _stack(file: tifffile.TiffFile) -> tifffile.TiffPageSeries | None:
    """An array of three axes that was saved as a page for each of its slices."""
    if len(file.pages) < 2 or not (file.is_shaped or file.is_imagej):
        return None
    stack = file.series[0]
    return stack if len(stack.shape) == 3 else None


def _bands(stack: tifffile.TiffPageSeries) -> int:
    """The axis of the channels: the last or the first, whichever is shorter."""
    return 2 if stack.shape[2] < stack.shape[0] else 0

"""TIFF beyond Pillow, which would refuse it, thin it out or misread it: by OpenCV and tifffile.

Pillow reads values of up to 8 bits. Gray and color of more bits, or of floats, go through OpenCV,
which gives the numbers as they are stored; more channels, and planes that lie apart, through
tifffile. The channels are samples of one page, or the pages are slices of one array, as tifffile
and ImageJ save it. Of any other file of many pages the first one counts. Tags: TIFF 6.0, part 1.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin as tags

from vitreous.data.images.decoder_warnings import unlogged
from vitreous.data.images.exif import ORIENTATION
from vitreous.data.images.file_type import REMOVE
from vitreous.data.images.png import unpacks
from vitreous.data.images.remarks import Remark, tell
from vitreous.errors import ImageError, missing

WHITE_IS_ZERO, BLACK_IS_ZERO, COLOR = 0, 1, 2  # photometric interpretations
SUBFILE, NO_PAGE = 0xFE, 0b101  # a tag; its bits for smaller copies and for masks
DEFLATE = (8, 32946)  # compressions
TILES, TILE_BYTES = 0x144, 0x145  # tags
TYPES = {1: "uint", 2: "int", 3: "float", 5: "complex int", 6: "complex"}  # sample formats
UPRIGHT = 1  # orientation; OpenCV turns images of any other, but not in all of its versions
KNOWN = (10, 12, 14, 16, 32, 64)  # bits that OpenCV reads
FOLLOWED = 8  # pages behind the first that are looked at

Reader = Literal["pillow", "opencv", "tifffile"]


@dataclass(frozen=True)
class Layout:
    """How a TIFF holds its numbers, from the tags of its first page.

    type         of the numbers: "uint", "int", "float", …
    bits         a value
    photometric  what the values mean, such as WHITE_IS_ZERO
    alpha        1 or 2, if the last channel is alpha: color is multiplied by it, or not; else 0
    orientation  as in EXIF, 1 to 8
    apart        each channel lies in a plane of its own
    axis         of the pages, where they are slices of one array; -1: they are not
    """

    height: int
    width: int
    channels: int
    type: str
    bits: int
    photometric: int
    alpha: int
    orientation: int
    apart: bool
    axis: int = -1

    @property
    def shown(self) -> int:
        """Channels without alpha."""
        return self.channels - bool(self.alpha)

    @property
    def mode(self) -> str:
        """Type of the numbers, such as "uint16"."""
        return f"{self.type}{self.bits}"

    @property
    def reader(self) -> Reader:
        if self.axis >= 0:
            return "tifffile"
        meant = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, COLOR: 3}.get(self.photometric, 0)
        plain = self.shown == meant
        if not meant or (plain and self.type == "uint" and self.bits <= 8):
            return "pillow"
        simple = plain and not self.alpha and not self.apart and self.orientation == UPRIGHT
        return "opencv" if simple and self.bits in KNOWN else "tifffile"


def layout(data: bytes) -> Layout | None:
    """How the numbers lie; None for a damaged file, of which Pillow shall say what is wrong.

    Raises ImageError for stacks whose channels are in doubt, UsageError for what only tifffile
    reads, where it is missing.
    """
    try:
        first = next(_directories(data))
        bits = {*first.get(tags.BITSPERSAMPLE, (1,))}
        kinds = {*first.get(tags.SAMPLEFORMAT, (1,))}
        extra = first.get(tags.EXTRASAMPLES, ())
        samples = first.get(tags.SAMPLESPERPIXEL, 1)
        found = Layout(
            height=first[tags.IMAGELENGTH],
            width=first[tags.IMAGEWIDTH],
            channels=samples,
            type=TYPES.get(min(kinds), "uint"),
            bits=max(bits),
            photometric=first.get(tags.PHOTOMETRIC_INTERPRETATION, WHITE_IS_ZERO),
            alpha=extra[0] if len(extra) == 1 and extra[0] in (1, 2) else 0,
            orientation=first.get(ORIENTATION, UPRIGHT),
            apart=samples > 1 and first.get(tags.PLANAR_CONFIGURATION, 1) == 2,
        )
        text = str(first.get(tags.IMAGEDESCRIPTION, ""))
        sliced = first.next != 0 and ("shape" in text or text.startswith("ImageJ="))
    except Exception:  # damaged: Pillow shall say how
        return None
    if sliced:
        found = _stack(data, found)
    if found.reader == "tifffile":
        _tifffile()
    return found


def numbers(data: bytes, found: Layout) -> NDArray[np.generic]:
    """The numbers as they are stored, (H, W, C). Raises ImageError."""
    array = None
    if found.reader == "opencv":
        check_deflated(data)
        array = _by_opencv(data, found)
    if array is None:
        array = _by_tifffile(data, found)
    if found.axis < 0 and more_pages(data):
        tell(Remark.PAGES)
    return array.reshape(found.height, found.width, found.channels)


def check_deflated(data: bytes) -> None:
    """Raises ImageError where a deflated strip or tile unpacks to another checksum than its own,
    which libtiff does not look at.
    """
    first = next(_directories(data))
    if first.get(tags.COMPRESSION) not in DEFLATE:
        return
    for offsets, counts in ((tags.STRIPOFFSETS, tags.STRIPBYTECOUNTS), (TILES, TILE_BYTES)):
        pieces = zip(first.get(offsets, ()), first.get(counts, ()), strict=False)
        for number, (offset, count) in enumerate(pieces):
            try:
                if not unpacks([data[offset : offset + count]]):
                    tell(Remark.SKIPPED)
            except zlib.error as error:
                raise ImageError(
                    f"the TIFF is damaged: strip or tile {number}: {error}", remedy=REMOVE
                ) from error


def more_pages(data: bytes) -> bool:
    """Is there a second picture, beside smaller copies of the first, and masks?"""
    try:
        for number, directory in enumerate(_directories(data)):
            if number and not directory.get(SUBFILE, 0) & NO_PAGE:
                return True
            if number == FOLLOWED:
                break
    except Exception:  # the first page is there, and that is all that is asked for
        pass
    return False


def _directories(data: bytes) -> Iterator[tags.ImageFileDirectory_v2]:
    """The tags of each page."""
    file = io.BytesIO(data)
    directory = tags.ImageFileDirectory_v2(data[: 16 if data[2] == 43 else 8])  # 43: BigTIFF
    while directory.next:
        file.seek(directory.next)
        directory.load(file)
        yield directory


def _by_opencv(data: bytes, found: Layout) -> NDArray[np.generic] | None:
    """None if OpenCV does not give just these numbers."""
    with unlogged():
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.size != found.height * found.width * found.channels:
        return None
    bits = 16 if 8 < found.bits < 16 else found.bits
    if array.dtype.itemsize * 8 != bits or (array.dtype.kind == "f") != (found.type == "float"):
        return None
    if array.ndim == 3:
        array = array[:, :, [2, 1, 0, 3][: array.shape[2]]]
    stored: NDArray[Any] = np.ascontiguousarray(array).view(f"{found.type}{bits}")
    return stored >> (bits - found.bits) if bits > found.bits else stored  # else at the upper end


def _by_tifffile(data: bytes, found: Layout) -> NDArray[np.generic]:
    tifffile = _tifffile()
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            if found.axis >= 0:
                return np.moveaxis(file.series[0].asarray(), found.axis, 2)
            page = file.pages.first
            array = page.asarray()
    except (ValueError, ImportError) as error:  # Python 3.14 has a codec of its own
        if "imagecodecs" not in str(error) and not isinstance(error, ImportError):
            raise
        if found.mode == "uint8" and found.photometric == COLOR and found.orientation == UPRIGHT:
            array = _by_opencv(data, found)
            if array is not None:
                return array
        raise ImageError(
            f"is compressed in a way that needs the package imagecodecs: {error}",
            remedy='Run `pip install "vitreous[tiff]"`, or save it without compression.',
        ) from error
    return np.moveaxis(array, 0, 2) if page.axes == "SYX" else array


def _stack(data: bytes, found: Layout) -> Layout:
    """The layout of an array of three axes that was saved as a page for each of its slices: the
    pages are its channels, unless the names of its axes say otherwise.
    """
    with _tifffile().TiffFile(io.BytesIO(data)) as file:
        if len(file.pages) < 2 or not (file.is_shaped or file.is_imagej):
            return found
        stack = file.series[0]
        named, axes, sizes = "Q" not in stack.axes and not file.is_imagej, stack.axes, stack.shape
    others = [place for place, axis in enumerate(axes) if axis not in "YX"]
    if len(sizes) != 3 or len(others) != 1:
        return found
    axis = others[0]
    height, width = (size for place, size in enumerate(sizes) if place != axis)
    if not named and width < min(sizes[0], height):
        raise ImageError(
            f"is a stack of {sizes[0]} pages of {width} × {height} pixels, of which the last axis, "
            f"{width}, looks like the channels",
            remedy="Save channels with tifffile's photometric='minisblack', planarconfig='contig', "
            "or say that the pages are the channels: metadata={'axes': 'CYX'}.",
        )
    return replace(found, height=height, width=width, channels=sizes[axis], axis=axis, alpha=0)


def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise missing("tifffile", "tiff", "a TIFF of many channels or of slices") from error
    return tifffile

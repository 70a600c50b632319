"""One decoder with fixed rules: the same file gives the same bytes in training and in serving.

EXIF orientation is applied; alpha is laid over white; palettes, CMYK and other color spaces become
RGB; of 16 bits the upper 8 are kept; of an animation the first frame, of a many-page TIFF the first
page, unless its pages are slices of one array of many channels. The kind of file is told from its
bytes, and its size from its header, before any pixel is decoded: a small file that claims a huge
picture costs nothing. JPEG goes through OpenCV, which can decode at 1/2, 1/4 or 1/8 of the size;
arrays through NumPy; TIFF of deep numbers and of many channels through OpenCV and tifffile;
everything else through Pillow. Damage that a decoder notices is an error; losses are told (see
`remarks`).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from vitreous.data.dataset import Pixels
from vitreous.data.images import tiff
from vitreous.data.images.decoder_warnings import heard, judge, lines
from vitreous.data.images.exif import ORIENTATION, SIDEWAYS, orientation, turned, upright
from vitreous.data.images.file_type import CONVERT, REMOVE, recognize
from vitreous.data.images.jpeg import JpegHeader, decode_jpeg, jpeg_header
from vitreous.data.images.npy import image_shape, npy_shape, read_npy
from vitreous.data.images.pillow_image import check_depth, load, to_pixels
from vitreous.data.images.pixels import as_bytes, over_white, with_channels
from vitreous.data.images.read_file import printable, read_bytes
from vitreous.data.images.tiff import Layout
from vitreous.errors import ImageError, OversizeError, UsageError

Source: TypeAlias = str | Path | bytes | NDArray[np.generic] | Image.Image

MAX_PIXELS = 100_000_000  # height x width
MAX_VALUES = 4 * MAX_PIXELS  # height x width x channels

# The plugins are called directly: `Image.open` would warn about sizes that are allowed here.
PILLOW: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
}
try:  # since Pillow 11.3
    from PIL import AvifImagePlugin

    PILLOW["AVIF"] = AvifImagePlugin.AvifImageFile
except ImportError:
    pass

FORMATS = frozenset(PILLOW) | {"NPY"}
UNKNOWN = ("unknown pixel mode", "unknown raw mode", "not configured")  # not damaged, but strange


@dataclass(frozen=True)
class Header:
    """What a file says about its image before a pixel is decoded.

    format    as in FORMATS
    height    in pixels, as stored (before EXIF orientation is applied)
    width     in pixels, as stored
    channels  that decoding gives if no number is asked for
    mode      kind of pixels: Pillow's mode ("RGB", "CMYK", "I;16"), or an array's type
    """

    format: str
    height: int
    width: int
    channels: int
    mode: str


def decode(
    source: Source,
    *,
    channels: int | None = None,
    at_least: int = 0,
    where: str | None = None,
) -> Pixels:
    """The image as (H, W, channels) uint8.

    source    a file, its bytes, a picture of Pillow, or an array: (H, W) or (H, W, C) of uint8,
              uint16, bool, or of floats in [0, 1]
    channels  None: the image's own number, 1 for gray, 3 for color, C for arrays; 1 and 3 convert
              into each other (gray = 0.299 R + 0.587 G + 0.114 B)
    at_least  if positive, a JPEG may be decoded at 1/2, 1/4 or 1/8 scale, as long as its shorter
              side stays this many pixels or more
    where     the name in errors; default: the path

    Raises ImageError with the name and the reason; UsageError where the package is missing that
    reads a TIFF of many channels.
    """
    if where is None and isinstance(source, str | Path):
        where = printable(source)
    with named(where):
        return with_channels(_decode(source, at_least), channels)


def header(source: str | Path | bytes, *, where: str | None = None) -> Header:
    """What the file says about its image. Raises ImageError as `decode` does."""
    if where is None and not isinstance(source, bytes):
        where = printable(source)
    with named(where):
        return opened(source if isinstance(source, bytes) else read_bytes(source))[0]


def upright_size(source: str | Path) -> tuple[int, int]:
    """Height and width of what `decode` gives, from the file's header. Raises ImageError."""
    with named(printable(source)):
        head, picture = opened(read_bytes(source))
        height, width = head.height, head.width
        if isinstance(picture, JpegHeader):
            turn = orientation(picture.exif)
        elif isinstance(picture, Layout):
            turn = picture.orientation
        elif isinstance(picture, TiffImagePlugin.TiffImageFile):  # some Pillows turn its size
            told = picture.tag_v2
            height, width = told[TiffImagePlugin.IMAGELENGTH], told[TiffImagePlugin.IMAGEWIDTH]
            turn = told.get(ORIENTATION, 1)
        else:
            turn = orientation(picture.info.get("exif", b"")) if picture else 1
        return (width, height) if turn in SIDEWAYS else (height, width)


class named:
    """Within the block any failure becomes an ImageError with the name of the image; so does damage
    that a decoder warns of.

    A class, since it stands around every image, and a generator costs more.
    """

    __slots__ = ("_heard", "_said", "_where")

    def __init__(self, where: str | None):
        self._where = where

    def __enter__(self) -> None:
        self._heard = heard()
        self._said = self._heard.__enter__()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        damage: ImageError | None = None
        try:
            if error is None and self._said:
                judge(self._said)
        except ImageError as found:
            damage = found
        finally:
            self._heard.__exit__()
        if damage is not None:
            damage.where = damage.where or self._where
            raise damage
        if isinstance(error, ImageError):
            error.where = error.where or self._where
        if isinstance(error, ImageError) or not isinstance(error, Exception):
            return
        if isinstance(error, UsageError):  # nothing is wrong with the image: a package is missing
            return
        # Damaged files raise nearly every exception there is, out of three foreign parsers.
        cut = isinstance(error, struct.error | IndexError)  # fewer bytes than a header promises
        reason = "the file is cut off" if cut else str(error).rstrip(".") or type(error).__name__
        reason = "; ".join(dict.fromkeys([reason, *lines(self._said)]))
        whole = any(word in reason for word in UNKNOWN)
        raise ImageError(
            f"cannot be decoded: {reason}",
            where=self._where,
            remedy=CONVERT if whole else REMOVE,
        ) from error


def _decode(source: Source, at_least: int) -> Pixels:
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        _bound(source.height, source.width, len(source.getbands()))
        source.load()
        return to_pixels(source)
    data = source if isinstance(source, bytes) else read_bytes(source)
    head, picture = opened(data)
    if isinstance(picture, JpegHeader):
        return upright(decode_jpeg(data, picture, at_least), picture.exif)
    if isinstance(picture, Layout):
        return _from_tiff(data, picture)
    if picture is None:
        return _from_array(read_npy(data))
    return _from_pillow(picture, head.format, data)


def opened(data: bytes) -> tuple[Header, JpegHeader | Layout | ImageFile.ImageFile | None]:
    """The header, checked; and what is known of the pixels so far: the header of a JPEG, the layout
    of a TIFF of numbers, Pillow's picture without its pixels, nothing for arrays."""
    kind = recognize(data)
    if kind.decoder not in FORMATS:
        raise ImageError(f"is {kind.name}", remedy=kind.remedy)
    picture: JpegHeader | Layout | ImageFile.ImageFile | None = None
    if kind.decoder == "JPEG" and (jpeg := jpeg_header(data)).components in (1, 3):
        gray, picture = jpeg.components == 1, jpeg
        mode = "L" if gray else "RGB"
        head = Header("JPEG", jpeg.height, jpeg.width, jpeg.components, mode)
    elif kind.decoder == "NPY":
        head = Header("NPY", *npy_shape(data))
    elif kind.decoder == "TIFF" and (found := tiff.layout(data)) and found.reader != "pillow":
        head, picture = Header("TIFF", found.height, found.width, found.shown, found.mode), found
    else:
        if kind.decoder == "WEBP":  # whose library reserves memory for the canvas at once
            _bound(*_webp_size(data), 4)
        picture = PILLOW[kind.decoder](io.BytesIO(data))
        gray = picture.mode[:1] in ("1", "L", "I", "F") and picture.mode != "LAB"
        head = Header(
            format=kind.decoder,
            height=picture.height,
            width=picture.width,
            channels=1 if gray else 3,
            mode=picture.mode,
        )
    _bound(head.height, head.width, head.channels)
    return head, picture


def _bound(height: int, width: int, channels: int) -> None:
    if height < 1 or width < 1 or channels < 1:
        raise ImageError(f"has no pixels ({width} × {height})", remedy=REMOVE)
    if height * width > MAX_PIXELS or height * width * channels > MAX_VALUES:
        raise OversizeError(
            f"has {width:,} × {height:,} pixels of {channels} channels; "
            f"{MAX_PIXELS:,} pixels are allowed",
            remedy="Make the image smaller.",
        )


def _from_array(array: NDArray[np.generic]) -> Pixels:
    height, width, channels = image_shape(array.shape)
    _bound(height, width, channels)
    return as_bytes(array.reshape(height, width, channels))


def _from_tiff(data: bytes, layout: Layout) -> Pixels:
    image = as_bytes(tiff.numbers(data, layout), max(layout.bits, 8))
    if layout.photometric == tiff.WHITE_IS_ZERO:
        image = 255 - image
    if layout.alpha:
        image = over_white(image) if layout.alpha == 2 else image[:, :, :-1] + ~image[:, :, -1:]
    return turned(image, layout.orientation)


def _from_pillow(picture: ImageFile.ImageFile, kind: str, data: bytes) -> Pixels:
    load(picture, kind, data)
    image = to_pixels(picture)
    check_depth(image, kind, data)
    return image


def _webp_size(data: bytes) -> tuple[int, int]:
    """Height and width from a WebP container (RFC 9649), without its library."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise ImageError("the WebP file is cut off", remedy=REMOVE)
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[7:10], "little"), 1 + int.from_bytes(body[4:7], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    return (
        int.from_bytes(body[8:10], "little") & 0x3FFF,
        int.from_bytes(body[6:8], "little") & 0x3FFF,
    )

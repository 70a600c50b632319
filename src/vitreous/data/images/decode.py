"""One decoder with fixed rules: the same file gives the same bytes in training and in serving.

EXIF orientation is applied; alpha is laid over white; palettes, CMYK and other color spaces become
RGB; of 16 bits the upper 8 are kept; of an animation the first frame, of a many-page TIFF the first
page, unless its pages are slices of one array of many channels. The kind of file is told from its
bytes, and its size from its header, before any pixel is decoded: a small file that claims a huge
picture costs nothing. JPEG goes through OpenCV, which can decode at 1/2, 1/4 or 1/8 of the size;
arrays through NumPy; many-channel TIFF through tifffile; everything else through Pillow.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
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
from vitreous.data.images.exif import turned, upright
from vitreous.data.images.file_type import REMOVE, recognize
from vitreous.data.images.jpeg import JpegHeader, decode_jpeg, jpeg_header
from vitreous.data.images.pixels import as_bytes, over_white, with_channels
from vitreous.data.images.read_file import printable, read_bytes
from vitreous.errors import ImageError, UsageError

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


@contextlib.contextmanager
def named(where: str | None) -> Iterator[None]:
    """Any failure becomes an ImageError with the name of the image."""
    try:
        yield
    except ImageError as error:
        error.where = error.where or where
        raise
    except UsageError:  # nothing is wrong with the image: a package is missing
        raise
    except Exception as error:
        # Damaged files raise nearly every exception there is, out of three foreign parsers.
        reason = str(error).rstrip(".") or type(error).__name__
        raise ImageError(f"cannot be decoded: {reason}", where=where, remedy=REMOVE) from error


def _decode(source: Source, at_least: int) -> Pixels:
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        _bound(source.height, source.width, len(source.getbands()))
        return _from_pillow(source)
    data = source if isinstance(source, bytes) else read_bytes(source)
    head, picture = opened(data)
    if isinstance(picture, JpegHeader):
        return upright(decode_jpeg(data, picture, at_least), picture.exif)
    if picture is None:
        return _from_tiff(data) if head.format == "TIFF" else _from_npy(data)
    return _from_pillow(picture)


def opened(data: bytes) -> tuple[Header, JpegHeader | ImageFile.ImageFile | None]:
    """The header, checked; and what its decoder has read so far: the header of a JPEG, Pillow's
    picture without its pixels, nothing for arrays."""
    kind = recognize(data)
    if kind.decoder not in FORMATS:
        raise ImageError(f"is {kind.name}", remedy=kind.remedy)
    picture: JpegHeader | ImageFile.ImageFile | None = None
    if kind.decoder == "JPEG" and (jpeg := jpeg_header(data)).components in (1, 3):
        gray, picture = jpeg.components == 1, jpeg
        mode = "L" if gray else "RGB"
        head = Header("JPEG", jpeg.height, jpeg.width, jpeg.components, mode)
    elif kind.decoder == "NPY":
        head = _npy_header(data)
    elif kind.decoder == "TIFF" and (many := tiff.shape(data)):
        head = Header("TIFF", *many)
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
        raise ImageError(
            f"has {width:,} × {height:,} pixels of {channels} channels; "
            f"{MAX_PIXELS:,} pixels are allowed",
            remedy="Make the image smaller.",
        )


def _from_array(array: NDArray[np.generic]) -> Pixels:
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ImageError(
            f"is an array of shape {array.shape}",
            remedy="Use the shape (height, width) or (height, width, channels).",
        )
    _bound(*array.shape)
    return as_bytes(array)


def _npy_header(data: bytes) -> Header:
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, kind = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, kind = np.lib.format.read_array_header_2_0(file)
    if kind.hasobject:
        raise ImageError("holds Python objects (a pickle)", remedy="Save plain numbers instead.")
    if len(shape) not in (2, 3):
        raise ImageError(
            f"is an array of shape {shape}",
            remedy="Use the shape (height, width) or (height, width, channels).",
        )
    height, width, channels = (*shape, 1)[:3]
    return Header("NPY", height, width, channels, str(kind))


def _from_npy(data: bytes) -> Pixels:
    return _from_array(np.load(io.BytesIO(data), allow_pickle=False))


def _from_tiff(data: bytes) -> Pixels:
    array, orientation = tiff.read(data)
    return turned(_from_array(array), orientation)


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


def _from_pillow(picture: Image.Image) -> Pixels:
    """Any mode of Pillow's to gray or RGB; decodes the picture."""
    picture.load()
    mode, transparent = picture.mode, "transparency" in picture.info
    if mode.startswith("I;16"):
        image = as_bytes(np.asarray(picture).astype(np.uint16))
    elif mode == "I":
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ImageError(
                f"holds integers from {values.min()} to {values.max()}",
                remedy="Only 8 and 16 bits a value can be read.",
            )
        image = as_bytes(values.astype(np.uint16))
    elif mode == "F":
        image = as_bytes(np.asarray(picture))
    elif mode in ("LA", "La") or (mode in ("1", "L") and transparent):
        image = over_white(np.asarray(picture.convert("LA")))
    elif mode in ("1", "L"):
        image = np.asarray(picture.convert("L"))
    elif mode in ("RGBA", "RGBa", "PA") or (mode in ("P", "RGB") and transparent):
        image = over_white(np.asarray(picture.convert("RGBA")))
    else:
        image = np.asarray(picture.convert("RGB"))
    exif = picture.info.get("exif", b"")  # a TIFF is turned already
    return upright(image if image.ndim == 3 else image[:, :, None], exif)

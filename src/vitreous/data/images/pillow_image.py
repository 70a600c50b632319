"""Pillow's pictures: any mode to gray or RGB, and what Pillow passes over in silence."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageFile

from vitreous.data.dataset import Pixels
from vitreous.data.images import png
from vitreous.data.images.decoder_warnings import unlogged
from vitreous.data.images.exif import upright
from vitreous.data.images.jpeg import listen
from vitreous.data.images.pixels import as_bytes, compared, one_color, over_white
from vitreous.data.images.remarks import SHADES, Remark, tell
from vitreous.data.images.tiff import check_deflated, more_pages
from vitreous.errors import ImageError

THINNED = ("PNG", "PPM", "JPEG2000")  # formats of whose deep colors Pillow keeps the upper 8 bits


def load(picture: ImageFile.ImageFile, kind: str, data: bytes) -> None:
    """Decode the first picture of a file.

    kind  its format

    Raises ImageError where the file says that it is damaged; tells of further pictures.
    """
    if kind == "PNG":
        png.check_sums(data)
    elif kind == "JPEG":
        listen(data)
    elif kind == "TIFF":
        check_deflated(data)
    if more_pages(data) if kind == "TIFF" else animated(picture):
        tell(Remark.PAGES)
    picture.load()


def animated(picture: ImageFile.ImageFile) -> bool:
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # the next frame is damaged: it is there, but it is not asked for
        picture.seek(0)
        return True


def to_pixels(picture: Image.Image) -> Pixels:
    """A loaded picture as gray or RGB, (H, W, 1 or 3)."""
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
        image = np.asarray(picture if mode == "L" else picture.convert("L"))
    elif mode in ("RGBA", "RGBa", "PA") or (mode in ("P", "RGB") and transparent):
        image = over_white(np.asarray(picture.convert("RGBA")))
    else:
        image = np.asarray(picture if mode == "RGB" else picture.convert("RGB"))
    if one_color(image) and mode[0] not in "IF" and not one_color(np.asarray(picture)):
        tell(Remark.LOST)  # by its palette, or under white
    exif = picture.info.get("exif", b"")  # a TIFF is turned already
    return upright(image if image.ndim == 3 else image[:, :, None], exif)


def check_depth(image: Pixels, kind: str, data: bytes) -> None:
    """Tell of colors of 16 bits of which Pillow left a few shades only."""
    if kind not in THINNED or (kind == "PNG" and png.depth(data) <= 8):
        return
    if image.shape[2] == 1 or len(np.unique(image[::7, ::7])) > SHADES:
        return
    with unlogged():
        deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is not None and deep.dtype == np.uint16 and deep.ndim == 3:
        compared(deep[:, :, :3], image)

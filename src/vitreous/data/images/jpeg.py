"""JPEG by OpenCV, at full or reduced scale, and never half an image.

libjpeg paints gray where data are missing and only mutters about it; here such a file is an error.
Markers and segments: ITU T.81, annex B.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vitreous.data.dataset import Pixels
from vitreous.data.images.file_type import REMOVE
from vitreous.errors import ImageError

START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
START_OF_SCAN, END_OF_IMAGE, EXIF = 0xDA, b"\xff\xd9", 0xE1
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}

# Scale: flags for gray and for color. Orientation is left to the caller.
REDUCED = {
    1: (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR),
    2: (cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_COLOR_2),
    4: (cv2.IMREAD_REDUCED_GRAYSCALE_4, cv2.IMREAD_REDUCED_COLOR_4),
    8: (cv2.IMREAD_REDUCED_GRAYSCALE_8, cv2.IMREAD_REDUCED_COLOR_8),
}


@dataclass(frozen=True)
class JpegHeader:
    """The header of a JPEG: what stands before the coded data.

    components  1 gray, 3 color, 4 CMYK
    exif        the EXIF block, or nothing
    scan        where the coded data begin
    """

    height: int
    width: int
    components: int
    exif: bytes
    scan: int


def jpeg_header(data: bytes) -> JpegHeader:
    """Read the segments up to the coded data. Raises ImageError if they end before."""
    height = width = components = 0
    exif = b""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker in WITHOUT_LENGTH:
            position += 2
            continue
        body, end = position + 4, position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if marker in START_OF_FRAME and body + 6 <= len(data):
            height = int.from_bytes(data[body + 1 : body + 3])
            width = int.from_bytes(data[body + 3 : body + 5])
            components = data[body + 5]
        elif marker == EXIF and not exif and data.startswith(b"Exif\0\0", body):
            exif = data[body:end]
        elif marker == START_OF_SCAN and components:
            return JpegHeader(height, width, components, exif, scan=end)
        position = end
    raise ImageError(
        f"the JPEG is cut off or damaged in its header, {len(data):,} bytes in all", remedy=REMOVE
    )


def decode_jpeg(data: bytes, head: JpegHeader, at_least: int = 0) -> Pixels:
    """Pixels as stored, (H, W, 1 or 3); orientation is not applied.

    at_least  how many pixels the shorter side keeps if the image is decoded at a reduced scale;
              0: full scale

    Raises ImageError if data are missing or damaged.
    """
    # The end mark cannot occur by chance in the coded data, and a preview's stands before them.
    # Looked for from behind, where it mostly stands.
    if data.rfind(END_OF_IMAGE, head.scan) < 0:
        raise ImageError(f"the JPEG is cut off after {len(data):,} bytes", remedy=REMOVE)
    short = min(head.height, head.width)
    scale = max(s for s in REDUCED if s == 1 or (at_least and -(-short // s) >= at_least))
    flags = REDUCED[scale][head.components == 3] | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise ImageError("the JPEG data are damaged", remedy=REMOVE)
    if (image[-1, -1] == 128).all():
        # Middle gray is what libjpeg paints where data are missing. If more data before the end
        # mark change the image, then the decoder had been waiting for them.
        end = data.find(END_OF_IMAGE, head.scan)
        longer = data[:end] + b"\x5a\x21\xc6\x03" * 64 + END_OF_IMAGE
        other = cv2.imdecode(np.frombuffer(longer, np.uint8), flags)
        if other is None or not np.array_equal(other, image):
            raise ImageError("the JPEG lacks data for its last rows", remedy=REMOVE)
    if head.components == 3:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    return np.asarray(image, np.uint8)[:, :, None]

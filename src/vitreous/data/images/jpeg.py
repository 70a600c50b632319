"""JPEG by OpenCV, at full or reduced scale, and never half an image.

libjpeg paints gray where data are missing and only mutters about it; here such a file is an error.
Markers and segments: ITU T.81, annex B; progressive scans: annex G.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np

from vitreous.data.dataset import Pixels
from vitreous.data.images.decoder_warnings import heard
from vitreous.data.images.file_type import CONVERT, REMOVE
from vitreous.data.images.remarks import Remark, tell
from vitreous.errors import ImageError

START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
START_OF_SCAN, END_OF_IMAGE, EXIF = b"\xff\xda", b"\xff\xd9", 0xE1
PROGRESSIVE = {0xC2, 0xCA}
WITHOUT_LENGTH = {0x00, 0x01, *range(0xD0, 0xD8), 0xFF}
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")  # of a segment: one that has a length
GRAY = (b"\x80", b"\x80\x80\x80")  # what libjpeg paints where there are no data
BITS, COEFFICIENTS = 8, 64  # of a value; of a block

# Kinds of coding that few decoders know, by their start of frame (table B.1).
RARE = {
    0xC3: "lossless",
    0xC9: "coded arithmetically",
    0xCA: "coded arithmetically",
    0xCB: "lossless",
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical"),
}

# Scale: flags for gray and for color. Orientation is left to the caller.
REDUCED = {
    1: (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR_RGB),
    2: (cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_GRAYSCALE_2 | cv2.IMREAD_COLOR_RGB),
    4: (cv2.IMREAD_REDUCED_GRAYSCALE_4, cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_COLOR_RGB),
    8: (cv2.IMREAD_REDUCED_GRAYSCALE_8, cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_COLOR_RGB),
}


@dataclass(frozen=True)
class JpegHeader:
    """The header of a JPEG: what stands before the coded data.

    components  1 gray, 3 color, 4 CMYK
    exif        the EXIF block, or nothing
    scan        where the first scan begins with its marker
    kind        the marker of the frame
    """

    height: int
    width: int
    components: int
    exif: bytes
    scan: int
    kind: int


def jpeg_header(data: bytes) -> JpegHeader:
    """Read the segments up to the coded data. Raises ImageError if they end before, and for more
    than 8 bits a value.
    """
    height = width = components = kind = 0
    exif, place = b"", 2
    while place + 4 <= len(data):
        marker = data[place + 1]
        if data[place] != 0xFF or marker in WITHOUT_LENGTH:
            found = MARKER.search(data, place)  # as libjpeg does, past what stands between segments
            if not found:
                break
            place = found.end() - 2
            continue
        body, end = place + 4, place + 2 + int.from_bytes(data[place + 2 : place + 4])
        if marker in START_OF_FRAME and body + 6 <= len(data):
            if data[body] != BITS:
                raise ImageError(f"is a JPEG of {data[body]} bits a value", remedy=CONVERT)
            height = int.from_bytes(data[body + 1 : body + 3])
            width = int.from_bytes(data[body + 3 : body + 5])
            components, kind = data[body + 5], marker
        elif marker == EXIF and not exif and data.startswith(b"Exif\0\0", body):
            exif = data[body:end]
        elif marker == START_OF_SCAN[1] and components:
            return JpegHeader(height, width, components, exif, place, kind)
        place = end
    raise ImageError(
        f"the JPEG is cut off or damaged in its header, {len(data):,} bytes in all", remedy=REMOVE
    )


def decode_jpeg(data: bytes, head: JpegHeader, at_least: int = 0) -> Pixels:
    """Pixels as stored, (H, W, 1 or 3); orientation is not applied.

    at_least  how many pixels the shorter side keeps if the image is decoded at a reduced scale;
              0: full scale

    Raises ImageError if data are missing or damaged.
    """
    check_end(data, head)
    short = min(head.height, head.width)
    scale = max(s for s in REDUCED if s == 1 or (at_least and -(-short // s) >= at_least))
    flags = REDUCED[scale][head.components == 3] | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        if head.kind in RARE:
            raise ImageError(f"is a JPEG that is {RARE[head.kind]}", remedy=CONVERT)
        raise ImageError("the JPEG data are damaged", remedy=REMOVE)
    if image[-1, -1].tobytes() in GRAY:
        # Middle gray is what libjpeg paints where data are missing. If more data before the end
        # mark change the image, then the decoder had been waiting for them.
        end = data.find(END_OF_IMAGE, head.scan)
        longer = data[:end] + b"\x5a\x21\xc6\x03" * 64 + END_OF_IMAGE
        with heard():  # that these are too many is no news
            other = cv2.imdecode(np.frombuffer(longer, np.uint8), flags)
        if other is None or not np.array_equal(other, image):
            raise ImageError("the JPEG lacks data for its last rows", remedy=REMOVE)
    return np.asarray(image, np.uint8).reshape(*image.shape[:2], -1)


def check_end(data: bytes, head: JpegHeader) -> None:
    """Raises ImageError where the end mark is missing; tells of a progressive JPEG without its last
    scans.
    """
    # The end mark cannot occur by chance in the coded data, and a preview's stands before them.
    # Looked for from behind, where it mostly stands.
    if data.rfind(END_OF_IMAGE, head.scan) < 0:
        raise ImageError(f"the JPEG is cut off after {len(data):,} bytes", remedy=REMOVE)
    if head.kind in PROGRESSIVE and coarse(data, head):
        tell(Remark.COARSE)


def listen(data: bytes) -> None:
    """What libjpeg says of a JPEG that something else decodes, which does not pass it on.

    Raises ImageError if its end is missing.
    """
    check_end(data, jpeg_header(data))
    cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)


def coarse(data: bytes, head: JpegHeader) -> bool:
    """Do some coefficients of a progressive JPEG lack their lower bits, or all?"""
    lacking: dict[int, list[int]] = {}
    coded = np.frombuffer(data, np.uint8, offset=head.scan)
    marks = np.flatnonzero(coded[:-1] == END_OF_IMAGE[0])
    kinds = coded[marks + 1]
    ends = marks[kinds == END_OF_IMAGE[1]]
    for start in marks[kinds == START_OF_SCAN[1]].tolist():
        if start > ends[0]:
            break
        place = head.scan + start
        content = data[place + 4 : place + 2 + int.from_bytes(data[place + 2 : place + 4])]
        if len(content) < 4:
            continue
        first, last, precision = content[-3], content[-2], content[-1] & 15
        for component in content[1 : 1 + 2 * content[0] : 2]:
            bits = lacking.setdefault(component, [BITS] * COEFFICIENTS)
            bits[first : last + 1] = [precision] * (last + 1 - first)
    return len(lacking) < head.components or any(map(any, lacking.values()))

"""EXIF orientation: which way up a photo is meant, the one entry that matters for recognition.

EXIF 2.3, section 4.6.2: a TIFF structure whose first directory may hold tag 0x0112.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from vitreous.data.dataset import Pixels

ORIENTATION = 0x0112

# From the stored image to the one meant.
UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: image.swapaxes(0, 1)[:, ::-1],
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: image.swapaxes(0, 1)[::-1],
}
SIDEWAYS = (5, 6, 7, 8)  # by which height and width change places


def orientation(block: bytes) -> int:
    """The orientation, 1 to 8, in an EXIF block; 1 where it is missing or damaged."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", block, 4)
        (entries,) = struct.unpack_from(order + "H", block, directory)
        for entry in range(entries):
            tag, kind = struct.unpack_from(order + "HH", block, directory + 2 + 12 * entry)
            if tag == ORIENTATION:
                width = {1: "B", 3: "H", 4: "I"}[kind]
                (value,) = struct.unpack_from(order + width, block, directory + 10 + 12 * entry)
                return value if value in UPRIGHT else 1
    except (struct.error, KeyError):
        pass
    return 1


def upright(image: Pixels, block: bytes) -> Pixels:
    """The image (H, W, C) turned and mirrored as its EXIF block says."""
    return turned(image, orientation(block))


def turned(image: Pixels, orientation: int) -> Pixels:
    """The image (H, W, C) as that orientation, 1 to 8, says; any other number leaves it alone."""
    turn = UPRIGHT.get(orientation)
    return turn(image) if turn else image

"""PNG checksums: Pillow reads past those of the pixels, so damage would come out as noise.

Chunks and their checksums: ISO/IEC 15948 (PNG), sections 5.3 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

from vitreous.data.images.file_type import REMOVE
from vitreous.errors import ImageError

SIGNATURE = 8  # bytes before the first chunk
HEAD = struct.Struct(">I4s")
WORD = struct.Struct(">I")
CHECKED = {b"IHDR", b"PLTE", b"IDAT"}
STEP = 1 << 20  # bytes that are unpacked at a time
MOST = 4 << 30  # bytes of the largest image that is read


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name of each chunk, and where its content begins and ends; those that are whole."""
    place, total = SIGNATURE, len(data) - 12
    while place <= total:
        length, name = HEAD.unpack_from(data, place)
        if place + length > total:
            return
        yield name, place + 8, place + 8 + length
        place += 12 + length


def check_sums(data: bytes) -> None:
    """Raises ImageError where the checksum of pixels or of a palette is another."""
    view = memoryview(data)
    for name, begin, end in chunks(data):
        if name in CHECKED and zlib.crc32(view[begin - 4 : end]) != WORD.unpack_from(data, end)[0]:
            raise ImageError(
                f"the PNG is damaged: the checksum of {name.decode()} is another", remedy=REMOVE
            )


def is_whole(data: bytes) -> bool:
    """Do the pixels unpack to their own checksum? Takes about as long as decoding."""
    try:
        return unpacks(data[begin:end] for name, begin, end in chunks(data) if name == b"IDAT")
    except zlib.error:
        return False


def unpacks(pieces: Iterable[bytes]) -> bool:
    """Does a deflated stream come to its end? Nothing is kept. Raises zlib.error for damage."""
    unpacker, total = zlib.decompressobj(), 0
    for piece in pieces:
        while (found := unpacker.decompress(piece, STEP)) and total < MOST:
            piece, total = unpacker.unconsumed_tail, total + len(found)
    return unpacker.eof


def depth(data: bytes) -> int:
    """Bits a value, 1 to 16."""
    return data[24]

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
CHECKED = {b"IHDR", b"PLTE", b"IDAT"}
STEP = 1 << 20  # bytes that are unpacked at a time


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
        stored = view[end : end + 4]
        if name in CHECKED and zlib.crc32(view[begin - 4 : end]).to_bytes(4) != stored:
            raise ImageError(
                f"the PNG is damaged: the checksum of {name.decode()} is another", remedy=REMOVE
            )


def check_stream(data: bytes) -> None:
    """Raises ImageError where the pixels unpack to another checksum than theirs, or not at all;
    this takes about as long as decoding.
    """
    pixels = (data[begin:end] for name, begin, end in chunks(data) if name == b"IDAT")
    try:
        whole = unpacks(pixels)
    except zlib.error as error:
        raise ImageError(f"the PNG is damaged: its pixels: {error}", remedy=REMOVE) from error
    if not whole:
        raise ImageError("the PNG is damaged: its pixels end too early", remedy=REMOVE)


def unpacks(pieces: Iterable[bytes]) -> bool:
    """Does a deflated stream come to its end? Nothing is kept. Raises zlib.error for damage."""
    unpacker = zlib.decompressobj()
    for piece in pieces:
        while unpacker.decompress(piece, STEP):
            piece = unpacker.unconsumed_tail
    return unpacker.eof


def depth(data: bytes) -> int:
    """Bits a value, 1 to 16."""
    return data[24]

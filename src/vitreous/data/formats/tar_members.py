"""Tar archives read as a stream: their members, from the first byte to the end mark.

Nothing is unpacked: a member is a name and a place in the archive, whatever the name says. What is
cut off or damaged is an error that names the byte. Read are ustar (POSIX.1-1988), pax
(POSIX.1-2001) and GNU's long names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from vitreous.errors import DataError

BLOCK = 512  # bytes of a header; contents are filled up to a multiple
LONGEST = 1 << 16  # bytes of a name, or of the records about one member
AT_ONCE = 1 << 20  # bytes that are read at a time
FILES, SPARSE = (b"0", b"\0", b"7"), b"S"  # types of members that hold bytes
LONG_NAME, LONG_LINK, RECORDS, RECORDS_OF_ALL = b"L", b"K", b"x", b"g"
REMEDY = "Fetch or write the archive again."


@dataclass(frozen=True)
class Member:
    """A member of an archive.

    start, size  of its content, in bytes
    is_file      no folder, link or device, and not sparse
    """

    name: str
    start: int
    size: int
    is_file: bool


def members(file: BinaryIO, where: str) -> Iterator[Member]:
    """The members in order; whoever asks may read in between. Raises DataError with the byte."""
    total = file.seek(0, os.SEEK_END)
    at, name, records = 0, None, dict[str, bytes]()
    while True:
        header = _read(file, at, BLOCK, total, where, "the next header")
        if not any(header):
            _check_end(file, at, where)
            return
        if not _adds_up(header):
            _fail("is no tar archive" if at == 0 else f"holds no header at byte {at:,}", where)
        kind, start = header[156:157], at + BLOCK
        told = records.get("size")
        size = _number(header[124:136], at, where) if told is None else int(told)
        if kind in (LONG_NAME, LONG_LINK, RECORDS, RECORDS_OF_ALL):
            if size > LONGEST:
                _fail(f"has a header of {size:,} bytes at byte {at:,}", where)
            text = _read(file, start, size, total, where, "a long name")
            if kind == LONG_NAME:
                name = text.rstrip(b"\0")
            elif kind == RECORDS:
                records = _records(text, at, where)
        else:
            own = records.get("path") or name or _short_name(header)
            sparse = any(key.startswith("GNU.sparse") for key in records)
            shown = os.fsdecode(own)
            size = size if kind in (*FILES, SPARSE) else 0
            if start + size > total:
                message = f"is cut off at byte {total:,}: {shown} would end at {start + size:,}"
                _fail(message, where)
            is_file = kind in FILES and not sparse and not own.endswith(b"/")
            yield Member(shown, start, size, is_file)
            name, records = None, {}
        at = start + -(-size // BLOCK) * BLOCK


def _read(file: BinaryIO, start: int, size: int, total: int, where: str, what: str) -> bytes:
    file.seek(start)
    found = file.read(size)
    if len(found) < size:
        after = " and has no end mark" if start == total else ""
        _fail(f"is cut off at byte {total:,}{after}, where {what} is expected", where)
    return found


def _check_end(file: BinaryIO, at: int, where: str) -> None:
    """Behind the end mark there is nothing but zeros: archives that were written into one file
    would lose all but the first.
    """
    file.seek(at)
    while found := file.read(AT_ONCE):
        if any(found):
            place = at + len(found) - len(found.lstrip(b"\0"))
            _fail(f"goes on at byte {place:,}, behind its end mark at {at:,}", where)


def _adds_up(header: bytes) -> bool:
    """Is the sum of the bytes, those of the sum itself taken as blanks, the one that is stored?"""
    try:
        told = int(header[148:156].strip(b" \0") or b"0", 8)
    except ValueError:
        return False
    counted = header[:148] + b" " * 8 + header[156:]
    signed = sum(byte - 256 if byte > 127 else byte for byte in counted)  # by old programs
    return told in (sum(counted), signed)


def _number(field: bytes, at: int, where: str) -> int:
    """In octal digits, or beyond 8 GiB in binary."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        _fail(f"holds no header at byte {at:,}", where)


def _short_name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0]
    return prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name


def _records(text: bytes, at: int, where: str) -> dict[str, bytes]:
    """Lines such as `30 path=...`, each with its length first."""
    found: dict[str, bytes] = {}
    while text.strip(b"\0"):
        try:
            length = text.partition(b" ")[0]
            line, text = text[: int(length)], text[int(length) :]
            key, value = line[len(length) + 1 : -1].split(b"=", 1)
            if not length.isdigit() or not line.endswith(b"\n"):
                raise ValueError(line)
            if key == b"size" and not value.isdigit():
                raise ValueError(line)
        except ValueError:
            _fail(f"holds no header at byte {at:,}", where)
        found[key.decode("utf-8", "replace")] = value
    return found


def _fail(message: str, where: str) -> NoReturn:
    raise DataError(message, where=where, remedy=REMEDY)

"""Reads the bytes of a file, with errors that name the cause."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from vitreous.data.images.file_type import REMOVE
from vitreous.errors import DataError, ImageError

MAX_BYTES = 1 << 29  # of a file


def printable(path: str | Path) -> str:
    """A path as text that any terminal can show: bytes that are no UTF-8 become `\\xff`."""
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:  # a text from elsewhere, and a locale without its letters
        encoded = str(path).encode("utf-8", "surrogateescape")
    return encoded.decode("utf-8", "backslashreplace")


def in_locale(path: str) -> str:
    """A path that was written as UTF-8, as this system's locale holds the same bytes."""
    return os.fsdecode(path.encode("utf-8", "surrogateescape"))


def changed(name: str) -> DataError:
    """The error of a file that is not the one any more that was opened."""
    return DataError(
        "has changed since it was opened",
        where=printable(name),
        remedy="Begin again: it is read anew.",
    )


def read_bytes(path: str | Path) -> bytes:
    """A file's content, bounded by MAX_BYTES. Raises ImageError with the path."""
    where, remedy = (
        printable(path),
        "Look at its name, or restore it; an entry in a list can go.",
    )
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            message = f"is {kind}, though it has the name of an image"
            raise ImageError(message, where=where, remedy="Rename or remove it.")
        if status.st_size > MAX_BYTES:
            message = f"has {status.st_size:,} bytes; {MAX_BYTES:,} are allowed"
            raise ImageError(message, where=where, remedy="Make the image smaller.")
        with open(path, "rb") as file:
            # Not MAX_BYTES: so much memory would be reserved and given back for each file.
            data = file.read(status.st_size or MAX_BYTES)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ENOENT and os.path.islink(path):
            reason = "is a link to a file that does not exist"
        elif error.errno == errno.ELOOP:
            reason = "is a link that leads back to itself"
        elif error.errno == errno.EACCES:
            reason = "may not be read: permission denied"
        raise ImageError(reason, where=where, remedy=remedy) from error
    if not data:
        raise ImageError("the file is empty", where=where, remedy=REMOVE)
    return data

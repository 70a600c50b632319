"""Atomic writes: a file is either the old one or the new one, whatever happens in between.

A file is written beside its target, flushed to the disk, and renamed over it; then the folder is
flushed, so that the name survives a power cut as well. A link stays a link: what it leads to is
replaced. What was there before hands on its permissions. What is no file, such as /dev/stdout or a
pipe, is written to as it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from vitreous.errors import StorageError, UsageError

REMEDIES = {
    errno.ENOSPC: "Free some space on that disk, or choose another place.",
    errno.EDQUOT: "Free some of your quota on that disk, or choose another place.",
    errno.EROFS: "The file system is read-only: choose another place.",
    errno.EACCES: "You may not write there: choose another place or change its permissions.",
    errno.EPERM: "You may not write there: choose another place or change its permissions.",
    errno.ENOENT: "Make the folder first, or choose another place.",
}


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends without an error.

    Raises StorageError, with the old file untouched, where it cannot be written.
    """
    with storage_errors(path):
        if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
            with open(path, "wb") as file:  # a device or a pipe: renamed over, it would be gone
                yield file
            return
        target = Path(os.path.realpath(path))
        # Its own name is not in it: that may be as long as names can be.
        temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(OSError):  # there may be no file yet
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        sync_folder(target.parent)


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write the whole content atomically; raises StorageError."""
    with replacing(path) as file:
        file.write(content)
    return Path(path)


def write_text(path: str | Path, content: str) -> Path:
    """Write UTF-8 text atomically; names that are no UTF-8 keep their bytes."""
    return write_bytes(path, content.encode("utf-8", "surrogateescape"))


def check_ending(path: Path, endings: Sequence[str], noun: str) -> None:
    """Raises UsageError if the file's ending is none of these; to be called before the work.

    noun  what is to be written, such as "a contact sheet"
    """
    if path.suffix.lower() not in endings:
        known = " or ".join(filter(None, [", ".join(endings[:-1]), endings[-1]]))
        raise UsageError(
            f"{noun} cannot be written as '{path.suffix or path.name}'",
            where="--out",
            remedy=f"Name a file that ends in {known}.",
        )


@contextlib.contextmanager
def storage_errors(path: str | Path) -> Iterator[None]:
    """Turn an operating system's error into one that names the place and the remedy."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot be written: {reason}", where=str(path), remedy=REMEDIES.get(error.errno or 0)
        ) from error


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries; systems that cannot open folders have nothing to flush."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

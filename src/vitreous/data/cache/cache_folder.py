"""The cache folder: cached files are found whole or not at all, and the oldest of them evicted.

Whatever is in it can be made again, so what cannot be read is not there, and what cannot be written
is made again next time. Files appear under their names only when they are complete. Folders in it
go as a whole, and not while a process reads from them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vitreous.atomic import replacing, write_bytes
from vitreous.errors import StorageError
from vitreous.formats import binary

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")

BUDGET = 64 << 30  # bytes that the files of one kind, such as packs, may take
RESERVE = 1 << 30  # bytes of the disk that stay free
PART = ".part"  # the suffix of files that belong to another, and go with it: X-000.part to X.rows
LOCK, HELD = ".lock", ".held"  # the suffixes of files that are locked, and stay
STALE = 3600.0  # seconds without a write after which a half-written file has no writer any more
NO_ROOM = "Make room, or let VITREOUS_CACHE name a folder on another disk."


def folder() -> Path:
    """`$VITREOUS_CACHE`, else `$XDG_CACHE_HOME/vitreous`, else `~/.cache/vitreous`."""
    if chosen := os.environ.get("VITREOUS_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vitreous"


def find(path: Path, read: Callable[[Path], T]) -> T | None:
    """What `read` makes of a cached file; None if there is none, or it raises ValueError."""
    try:
        found = read(path)
    except (OSError, ValueError, EOFError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # what was used last is evicted last
    return found


def no_room(place: Path, needed: int, noun: str) -> str | None:
    """Make room for so many bytes in a folder of the cache; if that is impossible, say why.

    noun  what takes the room, such as "a pack"
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        free = evict(place, needed, free=shutil.disk_usage(place).free - RESERVE)
    except OSError as error:
        return f"the cache {place} cannot be used: {error.strerror or error}"
    if needed > free:
        left = f"less than {binary(RESERVE)} of the disk of {place} would be left"
        return f"{noun} needs {binary(needed)}, and {left}"
    return None


def evict(place: Path, room: int, *, free: int) -> int:
    """Delete the files used longest ago until `room` more bytes fit; return what is free then.

    Nothing is deleted in vain, for bytes that would not fit even then, and nothing that is held.

    room  bytes that are about to be written
    free  bytes of the disk that may be used now
    """
    files: dict[str, list[tuple[float, int, Path]]] = {}
    for path in place.iterdir():
        with contextlib.suppress(OSError):  # another process may have deleted it
            state = path.stat()
            if path.suffix == ".tmp":
                if time.time() - state.st_mtime > STALE:
                    path.unlink()
            elif path.suffix not in (LOCK, HELD):
                together = path.stem.partition("-")[0] if path.suffix == PART else path.stem
                size = _inside(path) if path.is_dir() else state.st_size
                files.setdefault(together, []).append((state.st_mtime, size, path))
    taken = sum(size for some in files.values() for _, size, _ in some)
    for stem in [*files]:
        with _unheld(place / f"{stem}{HELD}") as removable:
            if not removable:
                del files[stem]
    if room > free + sum(size for some in files.values() for _, size, _ in some):
        return free
    for stem, some in sorted(files.items(), key=lambda item: max(item[1])):
        if taken + room <= BUDGET and room <= free:
            break
        with _unheld(place / f"{stem}{HELD}") as removable:
            # A list of what lies in a folder goes first: without it, the folder is no copy.
            for _, size, path in sorted(some, key=_is_folder) if removable else ():
                with contextlib.suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    taken, free = taken - size, free + size
    return free


def _is_folder(found: tuple[float, int, Path]) -> bool:
    return found[2].is_dir()


def _inside(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


_held: dict[Path, int] = {}


def hold(path: Path) -> None:
    """Until this process ends, `evict` leaves alone what has the name of this file, X.held: a data
    set may read from it at any time.
    """
    if fcntl is None or path in _held:
        return
    with contextlib.suppress(OSError):  # a cache that can only be read
        _held[path] = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(_held[path], fcntl.LOCK_SH)


@contextlib.contextmanager
def _unheld(path: Path) -> Iterator[bool]:
    """Is this file held by nobody? Within the block nobody can begin to."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "r+b"))
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unheld = True
        except FileNotFoundError:
            unheld = True
        except OSError:  # somebody does, or the file system knows no locks
            unheld = False
        yield unheld


@contextlib.contextmanager
def room_for(place: Path, needed: int, noun: str) -> Iterator[None]:
    """Turn a disk that fills up within the block into an error that names the folder and how many
    bytes are needed.
    """
    try:
        yield
    except StorageError as error:
        if getattr(error.__cause__, "errno", None) not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageError(
            f"the disk is full: {noun} needs {binary(needed)}", where=str(place), remedy=NO_ROOM
        ) from error.__cause__


def load_array(path: Path, dtype: DTypeLike, shape: tuple[int | None, ...]) -> NDArray[Any] | None:
    """A cached array, mapped into memory; None if it is missing, damaged or another one.

    shape  None where any length will do
    """

    def read(path: Path) -> NDArray[Any]:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        same = array.dtype == dtype and array.ndim == len(shape)
        if not same or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
            raise ValueError(f"is {array.dtype} {array.shape}")
        return array

    return find(path, read)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Into the cache, in place of an older one, if there is room."""
    if no_room(path.parent, array.nbytes, "an array") is None:
        with contextlib.suppress(OSError), replacing(path) as file:
            np.save(file, array, allow_pickle=False)


def save_bytes(path: Path, content: bytes, noun: str) -> None:
    """The same for any file; noun: what it holds, such as "a graph"."""
    if no_room(path.parent, len(content), noun) is None:
        with contextlib.suppress(OSError, StorageError):
            write_bytes(path, content)

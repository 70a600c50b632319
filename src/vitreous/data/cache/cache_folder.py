"""The cache folder: files that can always be made again, kept within bounds."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

BUDGET = 64 << 30  # bytes that all packs together may take
STALE = 3600.0  # seconds without a write after which a half-written file has no writer any more


def folder() -> Path:
    """`$VITREOUS_CACHE`, else `$XDG_CACHE_HOME/vitreous`, else `~/.cache/vitreous`."""
    if chosen := os.environ.get("VITREOUS_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vitreous"


def evict(place: Path, room: int, *, free: int) -> int:
    """Delete the files used longest ago until `room` more bytes fit; return what is free then.

    Nothing is deleted in vain, for bytes that would not fit even then.

    room  bytes that are about to be written
    free  bytes of the disk that may be used now
    """
    files = []
    for path in place.iterdir():
        with contextlib.suppress(OSError):  # another process may have deleted it
            state = path.stat()
            if path.suffix != ".tmp":
                files.append((state.st_mtime, state.st_size, path))
            elif time.time() - state.st_mtime > STALE:
                path.unlink()
    taken = sum(size for _, size, _ in files)
    if room > free + taken:
        return free
    for _, size, path in sorted(files):
        if taken + room <= BUDGET and room <= free:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            taken, free = taken - size, free + size
    return free

"""Memory allocator (malloc): what tensors have freed is kept for the next ones.

glibc gives a large block back to the system as soon as it is free, so that each layer computes into
pages that must be found and zeroed first: two thirds of the time in which EfficientNet-Lite0
answers, a fifth to a third of its training steps (`benchmarks/heap.py`).
"""

from __future__ import annotations

import ctypes
import functools
import os

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # of mallopt(3)
KEPT = 1 << 30  # bytes
LEGACY = 32 << 20  # the largest MMAP_THRESHOLD before glibc 2.35


@functools.cache
def glibc() -> ctypes.CDLL | None:
    """The C library of this process, where it is GNU's and nobody has told it how to allocate."""
    told = "malloc" in os.environ.get("GLIBC_TUNABLES", "")
    if os.name != "posix" or told or any(name.startswith("MALLOC_") for name in os.environ):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def keep_freed() -> None:
    """From now on this process keeps what it frees, blocks of up to 1 GiB, for what comes next."""
    if library := glibc():
        library.mallopt(TRIM_THRESHOLD, KEPT)
        if not library.mallopt(MMAP_THRESHOLD, KEPT):
            library.mallopt(MMAP_THRESHOLD, LEGACY)


def share_freed() -> None:
    """Threads that begin from now on share what is kept: for one of its own, glibc keeps no blocks
    above 64 MiB, and `give_back` does not reach all of them.
    """
    if library := glibc():
        library.mallopt(ARENA_MAX, 1)


def give_back() -> None:
    """Return to the system what is kept and not in use."""
    if library := glibc():
        library.malloc_trim(0)

"""Decoder warnings: what libjpeg and libtiff print on standard error, heard instead of printed.

These libraries say that data are damaged nowhere but there. For as long as an image is decoded, C's
`stderr` is a stream of ours; it hands each line to the thread that decodes, so that it can be said
of which image it speaks. Standard error itself (file 2) stays as it is. This needs `fopencookie`
of the GNU C library; elsewhere nothing is heard, and lines are printed.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import re
import threading
from collections.abc import Iterator, Sequence

import cv2

from vitreous.data.images.file_type import REMOVE
from vitreous.data.images.remarks import Remark, tell
from vitreous.errors import ImageError

WRITE = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t
)
UNBUFFERED = 2  # _IONBF

# What libjpeg says (its jerror.h) where data are missing or wrong, and what means nothing here.
DAMAGE = ("Premature end", "premature end", "bad Huffman", "bad arithmetic", "found marker")
HARMLESS = ("JFIF", "JFXX", "Adobe", "thumbnail", "Photo CD")
EXTRANEOUS = re.compile(r"extraneous bytes before marker 0x(\w\w)")
WITHIN = {0xC4, 0xDA, *range(0xD0, 0xDA)}  # markers before which coded data stand


class _Functions(ctypes.Structure):
    """cookie_io_functions_t."""

    _fields_ = (
        ("read", ctypes.c_void_p),
        ("write", WRITE),
        ("seek", ctypes.c_void_p),
        ("close", ctypes.c_void_p),
    )


class _Ears(threading.local):
    """Of one thread: what was said since it began to listen, or None."""

    said: list[str] | None = None


_ears = _Ears()


def _write(_: int, text: ctypes._Pointer[ctypes.c_char], length: int) -> int:
    said = _ears.said
    if said is None:  # somebody else's
        with contextlib.suppress(OSError):
            os.write(2, ctypes.string_at(text, length))
    else:
        said.append(ctypes.string_at(text, length).decode(errors="replace"))
    return length


class _Stream:
    """C's `stderr`, which listeners exchange for a stream of ours together."""

    def __init__(self) -> None:
        self._lock, self._listeners = threading.Lock(), 0
        self._write = WRITE(_write)  # kept, because C only has its address
        self._pointer: ctypes.c_void_p | None = None
        try:
            library = ctypes.CDLL(None)
            library.gnu_get_libc_version  # noqa: B018  (musl's `stderr` cannot be exchanged)
            pointer = ctypes.c_void_p.in_dll(library, "stderr")
            library.fopencookie.restype = ctypes.c_void_p
            library.fopencookie.argtypes = (ctypes.c_void_p, ctypes.c_char_p, _Functions)
            stream = library.fopencookie(None, b"w", _Functions(None, self._write, None, None))
            library.setvbuf.argtypes = (
                ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
            )  # fmt: skip
            if stream and not library.setvbuf(stream, None, UNBUFFERED, 0):
                self._ours, self._theirs, self._pointer = stream, pointer.value, pointer
                os.register_at_fork(after_in_child=self._forked)
        except (OSError, TypeError, ValueError, AttributeError):  # another C library
            pass

    @property
    def heard(self) -> bool:
        return self._pointer is not None

    def _forked(self) -> None:
        """In a child, those who listened are no more."""
        assert self._pointer is not None
        self._lock = threading.Lock()
        if self._listeners:
            self._listeners, self._pointer.value = 0, self._theirs

    def begin(self) -> None:
        if self._pointer is not None:
            with self._lock:
                if not self._listeners:
                    self._theirs, self._pointer.value = self._pointer.value, self._ours
                self._listeners += 1

    def end(self) -> None:
        if self._pointer is not None:
            with self._lock:
                self._listeners -= 1
                if not self._listeners:
                    self._pointer.value = self._theirs


_stream = _Stream()
HEARD = _stream.heard


class _Journal(logging.Handler):
    """What tifffile logs, which Python would print on standard error otherwise."""

    def emit(self, record: logging.LogRecord) -> None:
        if _ears.said is not None:
            _ears.said.append(record.getMessage() + "\n")
        elif not logging.getLogger().handlers and logging.lastResort:
            logging.lastResort.handle(record)  # as if this handler were not there


logging.getLogger("tifffile").addHandler(_Journal(logging.WARNING))


class heard:
    """What decoders say in this thread during a block: pieces of text in a list.

    A class, since it stands around every image, and a generator costs more.
    """

    __slots__ = ("_before", "said")

    def __enter__(self) -> list[str]:
        self._before, self.said = _ears.said, list[str]()
        _ears.said = self.said
        _stream.begin()
        return self.said

    def __exit__(self, *_: object) -> None:
        _stream.end()
        _ears.said = self._before


def judge(said: Sequence[str]) -> None:
    """Raises ImageError where a decoder missed data or found wrong ones; tells of what it skipped
    within the coded data, and of all else that it said.
    """
    for line in lines(said) if said else ():
        if any(word in line for word in DAMAGE):
            raise ImageError(f"is damaged: {line}", remedy=REMOVE)
        skipped = EXTRANEOUS.search(line)
        header = skipped and int(skipped[1], 16) not in WITHIN
        if not header and not any(word in line for word in HARMLESS):
            tell(Remark.SKIPPED)


def lines(said: Sequence[str]) -> list[str]:
    """What was heard, in lines."""
    found = (line.strip().rstrip(".") for line in "".join(said).splitlines())
    return [line for line in found if line]


class _Log:
    """OpenCV's own log, which it prints through C++; threads silence it together."""

    def __init__(self) -> None:
        self.lock, self.silent, self.level = threading.Lock(), 0, 0


_log = _Log()


@contextlib.contextmanager
def unlogged() -> Iterator[None]:
    """What OpenCV refuses in the block is not printed: it is known from what is returned."""
    with _log.lock:
        if not _log.silent:
            _log.level = cv2.utils.logging.setLogLevel(0)
        _log.silent += 1
    try:
        yield
    finally:
        with _log.lock:
            _log.silent -= 1
            if not _log.silent:
                cv2.utils.logging.setLogLevel(_log.level)

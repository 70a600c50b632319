"""Downloads: remote files fetched block by block into the cache, resumed, and tried again.

A file in the cache is named by its address and by what the server tells of its content, its size
and ETag among that: a file that has changed is another file. What was begun is gone on with, where
the server gives parts of files; it gets its name when it is whole and still the one that was asked
for.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from vitreous.atomic import storage_errors
from vitreous.data.cache import cache_folder
from vitreous.data.images.read_file import changed, printable
from vitreous.data.remote.address import differs, mark_of, suffix, tells_of_changes
from vitreous.errors import DataError, StorageError, VitreousError
from vitreous.formats import counted
from vitreous.progress.progress import under_way

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BLOCK = 4 << 20  # bytes that are read at a time
TRIES = 5  # in a row, without a byte
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0  # seconds before another try; each is twice the last
FINAL = {400, 401, 402, 403, 404, 405, 410, 451}  # answers that do not change by asking again
Told = Callable[[int], None]


@dataclass(frozen=True)
class RemoteFile:
    """A file at an address, as it was when it was listed.

    name  below the root of its data set
    path  in the file system
    info  what the server told of it
    """

    system: Any
    path: str
    address: str
    name: str
    info: dict[str, Any]

    @property
    def size(self) -> int | None:
        size: int | None = self.info.get("size")
        return size

    def mark(self) -> bytes:
        told = self.address.encode("utf-8", "surrogateescape") + b"\n" + mark_of(self.info)
        return blake2b(told, digest_size=16).digest()

    @property
    def copy(self) -> Path:
        """Where its copy lies, if it was fetched."""
        name = f"{self.mark().hex()}{suffix(self.address)}"
        return cache_folder.folder() / "downloads" / name

    def work(self) -> int:
        size = self.size or 0
        return size if self.copy.is_file() else 2 * size

    def local(self, told: Told | None = None) -> Path:
        """The copy in the cache, which is fetched where it is not there. Raises DataError,
        StorageError.
        """
        target = self.copy
        if not target.is_file():
            size = self.size or 0
            if note := cache_folder.no_room(target.parent, size, "a copy"):
                where = printable(self.address)
                raise StorageError(note, where=where, remedy=cache_folder.NO_ROOM)
            with cache_folder.room_for(target.parent, size, f"a copy of {printable(self.name)}"):
                fetch(self, target, told or (lambda _: None))
        with contextlib.suppress(OSError):
            os.utime(target)  # what was used last is evicted last
        return target


def look(system: Any, path: str, address: str, name: str) -> RemoteFile:
    """A file, as it is now. Raises DataError where there is none."""
    info = attempt(lambda: system.info(path), address)
    if info.get("type") == "directory":
        raise DataError("is a folder, no file", where=printable(address), remedy="Name a file.")
    if not tells_of_changes(info):
        alone = info.get("size") is not None
        under_way().note(
            f"{printable(address)}: the server tells its size alone; a change that keeps it would "
            "not be noticed"
            if alone
            else f"{printable(address)}: the server tells nothing that would change with the file; "
            "it is fetched each time"
        )
        if not alone:  # no older copy or index is known to be of this file
            info = {**info, "created": time.time_ns()}
    return RemoteFile(system, path, address, name, info)


def fetch(file: RemoteFile, target: Path, told: Told, *, fresh: bool = False) -> None:
    """Into this file, which appears when it is whole.

    told   hears of the bytes
    fresh  was it listed just now? Then a small one, which comes in one answer, is not asked about
           once more

    Raises DataError where it has changed since it was listed, StorageError where the disk cannot
    take it, and then leaves nothing there.
    """
    address = file.address
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Named by what is fetched: what was begun of an older file is not gone on with.
        part = target.with_name(f"{file.mark().hex()}.tmp")
        with open(part, "a+b") as out, locked(out):
            if target.is_file():  # another process has fetched it meanwhile
                part.unlink(missing_ok=True)
                return
            small = fresh and file.size is not None and file.size <= BLOCK
            before = file.info if small else attempt(lambda: file.system.info(file.path), address)
            if not fresh and differs(before, file.info):
                raise changed(address)
            told(out.tell())
            try:
                _fill(out, file, told)
            except StorageError:  # a full disk is not made emptier by half a file
                part.unlink(missing_ok=True)
                raise
            after = before if small else attempt(lambda: file.system.info(file.path), address)
            if differs(after, before) or file.size not in (None, out.tell()):
                part.unlink(missing_ok=True)
                raise changed(address)
            os.replace(part, target)


def _fill(out: BinaryIO, file: RemoteFile, told: Told) -> None:
    """All bytes from the end of `out` on."""
    tries, most = 0, out.seek(0, os.SEEK_END)
    while True:
        start = out.seek(0, os.SEEK_END)
        try:
            for block in _blocks(file, start):
                with storage_errors(out.name):
                    out.write(block)
                    out.flush()
                told(len(block))
                if out.tell() > most:  # not where it began anew: that could go on for ever
                    tries, most = 0, out.tell()
            if file.size is None or out.tell() == file.size:
                return
            if out.tell() > file.size:
                raise _Whole
            raise OSError(f"ended after {out.tell():,} of {file.size:,} bytes")
        except _Whole:  # the server gives no parts of files, or more than it promised
            told(-out.tell())
            out.truncate(0)
            tries = again(tries, OSError("the download begins anew"), file.address)
        except Exception as error:  # each file system has errors of its own
            tries = again(tries, error, file.address)


class _Whole(Exception):
    """The file has to be fetched as a whole."""


def _blocks(file: RemoteFile, start: int) -> Iterator[bytes]:
    if file.size == start:
        return
    http = file.address.lower().startswith("http")
    if http and not start:  # one answer, which any server can give
        options: dict[str, Any] = {"block_size": 0}
    else:
        options = {"block_size": BLOCK, "cache_type": "none"}
    with file.system.open(file.path, "rb", **options) as stream:
        if start and not stream.seekable():
            raise _Whole
        if start:
            stream.seek(start)
        while True:
            try:
                block = stream.read(BLOCK)
            except ValueError as error:
                if http and start:
                    raise _Whole from error
                raise
            if not block:
                return
            yield block


def attempt(call: Callable[[], Any], address: str) -> Any:
    """What a call to a file system gives, tried again where that may help. Raises DataError."""
    tries = 0
    while True:
        try:
            return call()
        except Exception as error:  # each file system has errors of its own
            tries = again(tries, error, address)


def again(tries: int, error: Exception, address: str) -> int:
    """Wait before another try, which is said; one more than `tries`. Raises DataError where that
    would not help, and after the last.
    """
    if isinstance(error, VitreousError):
        raise error
    while isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # fsspec calls everything so that keeps a server from answering
    if is_final(error) or tries + 1 >= TRIES:
        raise failed(error, address, tries=tries + 1) from error
    seconds = min(LONGEST_WAIT, FIRST_WAIT * 2**tries)
    under_way().note(
        f"{printable(address)}: {reason(error)}; try {tries + 2} of {TRIES} in {seconds:g} seconds"
    )
    time.sleep(seconds)
    return tries + 1


def is_final(error: Exception) -> bool:
    """Would the answer be the same if it was asked again?"""
    if isinstance(error, FileNotFoundError | PermissionError | UnicodeError):
        return True
    return status(error) in FINAL


def status(error: Exception) -> int | None:
    """The number of HTTP in an error, if it has one."""
    for found in (error, getattr(error, "response", None)):
        for name in ("status", "status_code", "code"):
            if isinstance(number := getattr(found, name, None), int):
                return number
    return None


def reason(error: Exception) -> str:
    number = status(error)
    if number is not None:
        return f"the server answered {number}"
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def failed(error: Exception, address: str, tries: int = 1) -> DataError:
    number, why = status(error), reason(error)
    remedy = "Check the connection; what was fetched is kept, and gone on with."
    if isinstance(error, FileNotFoundError) or number in (404, 410):
        why, remedy = "there is no such file", "Check the address."
    elif isinstance(error, PermissionError) or number in (401, 403):
        why += ": it may not be read" if number else ""
        remedy = "Check the address and your credentials."
    elif tries > 1:
        why += f", {counted(tries, 'time')} in a row"
    return DataError(why, where=printable(address), remedy=remedy)


@contextlib.contextmanager
def locked(file: BinaryIO) -> Iterator[None]:
    """Within the block no other process writes this file; it waits until it is alone."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # some network file systems know no locks
            fcntl.flock(file, fcntl.LOCK_EX)
    yield

"""Mirror: remote folders, tables and zip archives as files in the cache, opened from there.

What lies at an address is listed each time it is opened: files that have changed are fetched anew,
files that have vanished go, and the others stay as they are, with their times, so that packs and
digests are found again. Shards are not mirrored: they are fetched one by one as they are read.
Where room lacks, the mirror that was opened longest ago goes, unless a process has it open.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any
from urllib.parse import unquote

from vitreous.atomic import replacing, storage_errors
from vitreous.data.cache import cache_folder
from vitreous.data.images.read_file import MAX_BYTES, printable
from vitreous.data.remote.address import base_name
from vitreous.data.remote.download import RemoteFile, attempt, fetch, locked, look
from vitreous.errors import DataError, StorageError
from vitreous.files import read_json, write_json
from vitreous.progress.progress import under_way

THREADS = 8  # that ask a server
DEEPEST = 6  # folders in each other
MOST = 1_000_000  # files
AT_ONCE = 1 << 20  # bytes of a member that are unpacked at a time


def listed(system: Any, path: str, address: str) -> list[RemoteFile]:
    """All files below a folder, in order; hidden ones are left out. Raises DataError."""
    root = path.rstrip("/")
    found: dict[str, Any] = {}

    def walk(folder: str, depth: int) -> None:
        for info in attempt(lambda: system.ls(folder, detail=True), address):
            name = str(info["name"]).rstrip("/")
            inside = name.removeprefix(f"{root}/")
            # A page may link to what lies above, and to other servers.
            if inside == name or name.rstrip("/") == folder.rstrip("/") or "?" in inside:
                continue
            if any(part.startswith(".") for part in PurePosixPath(inside).parts):
                continue
            if info.get("type") == "directory" or str(info["name"]).endswith("/"):
                if depth == DEEPEST:
                    raise DataError(
                        f"has more than {DEEPEST} folders in each other: {printable(inside)}",
                        where=printable(address),
                        remedy="Name a folder further down.",
                    )
                walk(f"{name}/", depth + 1)
            else:
                found[inside] = info
            if len(found) > MOST:
                raise DataError(
                    f"lists more than {MOST:,} files",
                    where=printable(address),
                    remedy="Put the images into shards: tar archives or Parquet tables.",
                )

    walk(f"{root}/" if root else root, 0)
    base = address.rstrip("/")
    complete = all(info.get("size") is not None for info in found.values())

    def file(name: str) -> RemoteFile:
        info = found[name]
        place = str(info["name"])
        if complete:
            return RemoteFile(system, place, f"{base}/{name}", unquote(name), info)
        return look(system, place, f"{base}/{name}", unquote(name))

    with ThreadPoolExecutor(THREADS) as executor:
        return list(executor.map(file, sorted(found)))


class Mirror:
    """The copies of the files at one address, in a folder of the cache.

    path  where they lie, each under its own name
    """

    def __init__(self, address: str):
        place = address.rstrip("/").encode("utf-8", "surrogateescape")
        key = blake2b(place, digest_size=16).hexdigest()
        self._folder = cache_folder.folder() / "mirrors" / key
        self.path = self._folder / safe(base_name(address), address)
        self._list = self._folder.with_suffix(".json")

    def take(self, files: Sequence[RemoteFile], *, others: bool = False) -> None:
        """Fetch what is not there as it is told now; what is not among `files` goes.

        others  may there be more, which stay?
        """
        with self._alone():
            self._take({safe(file.name, file.address): file for file in files}, others)

    def _take(self, wanted: Mapping[str, RemoteFile], others: bool) -> None:
        known = self._known()
        if not others:
            for name in known.keys() - wanted.keys():
                (self.path / name).unlink(missing_ok=True)
                del known[name]
        lacking = {
            name: file
            for name, file in wanted.items()
            if known.get(name) != file.mark().hex() or not (self.path / name).is_file()
        }
        total, done, lock = sum(file.size or 0 for file in lacking.values()), 0, Lock()
        noun = f"a copy of {printable(self.path.name)}"
        if lacking:
            _make_room(self._folder.parent, total, noun, self.path.name)
        task = under_way().task(f"fetching {printable(self.path.name)} (bytes)")

        def told(count: int) -> None:
            nonlocal done
            with lock:
                done = max(0, done + count)
                task(done, max(done, total))

        def get(item: tuple[str, RemoteFile]) -> None:
            name, file = item
            target = self.path / name
            target.unlink(missing_ok=True)
            fetch(file, target, told, fresh=True)
            with lock:
                known[name] = file.mark().hex()

        with cache_folder.room_for(self._folder, total, noun):
            try:
                with ThreadPoolExecutor(THREADS) as executor:
                    for _ in executor.map(get, lacking.items()):
                        pass
            finally:
                if lacking or not self._list.is_file():
                    write_json(self._list, known)

    def unpack(self, archive: Path, address: str, mark: bytes) -> Path:
        """What a zip archive holds, as files; it is read once, until it changes."""
        folder = self.path.with_suffix("")
        with self._alone():
            if self._known() == {"archive": mark.hex()}:
                return folder
            shutil.rmtree(folder, ignore_errors=True)  # what is not in it any more
            try:
                _unpack(archive, folder, address)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            write_json(self._list, {"archive": mark.hex()})
        return folder

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Within the block no other process changes the copies; afterwards none deletes them."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # a cache that can only be read
                self._folder.mkdir(parents=True, exist_ok=True)
                cache_folder.hold(self._folder.with_suffix(cache_folder.HELD))
                file = self._folder.with_suffix(cache_folder.LOCK)
                stack.enter_context(locked(stack.enter_context(open(file, "ab"))))
            yield
            with contextlib.suppress(OSError):
                os.utime(self._list)  # what was used last is evicted last

    def _known(self) -> dict[str, str]:
        with contextlib.suppress(Exception):
            known: dict[str, str] = read_json(self._list)
            return known
        return {}


def safe(name: str, address: str) -> str:
    """A relative path that stays below its folder. Raises DataError for any other."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        raise DataError(
            f"names the file {printable(name)}, which lies outside of its folder",
            where=printable(address),
            remedy="Paths have to be relative, and may not climb.",
        )
    return posixpath.join(*parts)


def _make_room(mirrors: Path, needed: int, noun: str, where: str) -> None:
    """Evict other mirrors, if need be. Raises StorageError."""
    if note := cache_folder.no_room(mirrors, needed, noun):
        raise StorageError(note, where=printable(where), remedy=cache_folder.NO_ROOM)


def _unpack(archive: Path, folder: Path, address: str) -> None:
    where, remedy = printable(address), "Fetch or write the archive again."
    try:
        with zipfile.ZipFile(archive) as file:
            members = [each for each in file.infolist() if not each.is_dir()]
            total = sum(each.file_size for each in members)
            noun = f"the content of {printable(base_name(address))}"
            _make_room(folder.parents[1], total, noun, address)
            task, done = under_way().task(f"unpacking {printable(archive.name)} (bytes)"), 0
            for member in members:
                name = safe(member.filename, address)
                if member.file_size > MAX_BYTES:
                    raise DataError(
                        f"{printable(name)} has {member.file_size:,} bytes; {MAX_BYTES:,} are "
                        "allowed",
                        where=where,
                        remedy="Leave it out of the archive.",
                    )
                with cache_folder.room_for(folder, total, noun), file.open(member) as source:
                    with storage_errors(folder / name):
                        (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    with replacing(folder / name) as target:
                        while piece := source.read(AT_ONCE):
                            target.write(piece)
                done += member.file_size
                task(done, total)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        message = f"is no zip archive that can be read: {error}"
        raise DataError(message, where=where, remedy=remedy) from error

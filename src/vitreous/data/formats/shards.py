"""Shards: files that hold many images each, tar archives of WebDataset or tables of Parquet.

A data set may be larger than the memory: each shard is read once from end to end, what is known of
its images is kept as an index in the cache, and an image is read from its place when it is asked
for. What lies in a shard is never written to the disk under a name that the shard gives.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, get_ident
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import is_cacheable, stamp
from vitreous.data.dataset import Dataset, Part, Pixels
from vitreous.data.formats import parquet, webdataset
from vitreous.data.formats.part_words import likely_parts
from vitreous.data.formats.shard_index import ShardIndex, keep, recall
from vitreous.data.formats.shard_labels import (
    columns,
    keys_twice,
    labeled,
    masks_in,
    unread,
)
from vitreous.data.images.decode import decode
from vitreous.data.images.read_file import MAX_BYTES, changed, printable
from vitreous.data.names import Names
from vitreous.errors import DataError, ImageError, OversizeError
from vitreous.progress.progress import under_way

Told = Callable[[int], None]
OPEN = 16  # readers of shards at a time
MIX = 0x9E3779B97F4A7C15  # odd: multiples of it look like hashes


class Stored(Protocol):
    """A file that may have to be fetched before it can be read.

    name  below the root of its data set
    """

    @property
    def name(self) -> str: ...

    def mark(self) -> bytes:
        """What tells of a change of its content."""

    def local(self, told: Told | None = None) -> Path:
        """Where it lies on this machine, now.

        told  hears of the bytes that had to be fetched
        """

    def work(self) -> int:
        """Bytes that are to be read, and those that are to be fetched before."""


class Reader(Protocol):
    """A shard that one thread has open."""

    def read(self, start: int, size: int) -> bytes: ...


@dataclass(frozen=True)
class ShardFormat:
    """A row of `FORMATS`.

    index   of a shard: its file, its name in errors, and who is told of bytes that were read
    open    a shard for reading from the places of its index
    """

    index: Callable[[Path, str, Told], ShardIndex]
    open: Callable[[Path], Reader]


FORMATS: Mapping[str, ShardFormat] = {
    ".tar": ShardFormat(webdataset.index, webdataset.Archive),
    ".parquet": ShardFormat(parquet.index, parquet.Table),
}
"""By the ending of a shard's name."""


@dataclass(frozen=True)
class LocalFile:
    """A shard on this machine, below `root`."""

    root: str
    name: str

    def mark(self) -> bytes:
        return stamp(str(self.local()))

    def local(self, told: Told | None = None) -> Path:
        return Path(self.root, self.name)

    def work(self) -> int:
        return os.path.getsize(self.local())


class ShardDataset(Dataset):
    """Images in shards.

    root    the folder, or the address, below which the shards lie
    masks   what lies in them beside the images that are masks by their name; "" for nothing
    samples (N,) hashes of the samples and their shards; none where there is nothing to look up
    shards  in order, with the mark and the index of each: its index is that of this mark
    """

    root: str
    contents: NDArray[np.uint8]

    def __init__(
        self,
        root: str,
        name: str,
        shards: Sequence[tuple[Stored, bytes, ShardIndex]],
        class_names: Sequence[str] = (),
        lookup: bool = False,
    ):
        self.root, self.name = root, name
        self.shards = [shard for shard, *_ in shards]
        self._marks = [mark for _, mark, _ in shards]
        given = parts_of([shard.name for shard in self.shards])
        names = [printable(shard.name) for shard in self.shards]
        found, notes = labeled([*zip(names, (index for *_, index in shards), strict=True)])
        named = [*zip(names, found, strict=True)]
        self.targets, told = columns(named, class_names, printable(root))
        self.notes = (*unread(found), *notes, *told, *keys_twice(named, given))
        self.masks = masks_in(found)
        self.samples = np.zeros(0, np.uint64)
        if self.masks or lookup:
            hashes = [index.keys ^ np.uint64(n * MIX % 2**64) for n, index in enumerate(found)]
            self.samples = np.concatenate(hashes)
        self._ends = np.cumsum([0, *map(len, found)]).tolist()
        self.names = Names.joined([index.names for index in found])
        self._starts = np.concatenate([index.starts for index in found])
        self._sizes = np.concatenate([index.sizes for index in found])
        self.contents = np.concatenate([index.digests for index in found])
        self.parts = np.repeat(given, [len(index) for index in found]).astype(np.int8)
        self._open: OrderedDict[tuple[int, int], Reader] = OrderedDict()
        self._lock = Lock()
        # As of files: 1 if all are gray, C if all have the same many, else 3.
        channels = {*np.concatenate([index.channels for index in found]).tolist()}
        self.channels = channels.pop() if len(channels) == 1 else 3

    def _shard(self, index: int) -> int:
        return bisect_right(self._ends, index) - 1

    def id(self, index: int) -> str:
        return f"{self.shards[self._shard(index)].name}: {self.names[index]}"

    def encoded(self, index: int) -> bytes:
        size = int(self._sizes[index])
        if size > MAX_BYTES:
            raise OversizeError(
                f"has {size:,} bytes; {MAX_BYTES:,} are allowed",
                where=self.place(index),
                remedy="Make the image smaller.",
            )
        data = self._reader(self._shard(index)).read(int(self._starts[index]), size)
        if not data:
            raise ImageError("the file is empty", where=self.place(index), remedy="Remove it.")
        return data

    def read(self, index: int, at_least: int = 0) -> Pixels:
        where = self.place(index)
        return decode(self.encoded(index), channels=self.channels, at_least=at_least, where=where)

    def digest(self, index: int) -> bytes:
        return bytes(self.contents[index])

    def _reader(self, number: int) -> Reader:
        """Of this thread; of all that are open, the one that was not used longest is closed.

        Threads go through a shard in turns: with one reader they would send it to and fro.
        """
        shard, key = self.shards[number], (get_ident(), number)
        with self._lock:
            # Each time: at the place of an image there may lie another one by now.
            if shard.mark() != self._marks[number]:
                raise changed(shard.name)
            path = shard.local()  # which may have been thrown out of the cache
            if key not in self._open:
                self._open[key] = format_of(shard.name).open(path)
            self._open.move_to_end(key)
            if len(self._open) > OPEN:
                self._open.popitem(last=False)
            return self._open[key]


def format_of(name: str) -> ShardFormat:
    return FORMATS[os.path.splitext(name)[1].lower()]


def is_shard(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in FORMATS


def open_shards(
    root: str,
    name: str,
    files: Sequence[Stored],
    class_names: Sequence[str] = (),
    index: Callable[[Path, str, Told], ShardIndex] | None = None,
) -> ShardDataset:
    """The data set that these shards are.

    class_names  of labels that are numbers, where a file beside the shards gives them
    index        finds other members in them than those that are images by their kind

    Raises DataError for shards of several kinds, and for one that is damaged, with its name and the
    byte; UsageError where the package is missing that reads it.
    """
    kinds = {os.path.splitext(file.name)[1].lower() for file in files}
    if len(kinds) > 1:
        raise DataError(
            f"holds shards of several kinds: {', '.join(sorted(kinds))}",
            where=printable(root),
            remedy="Open one kind by a pattern, such as *.tar.",
        )
    marks = [file.mark() for file in files]
    other = "" if index is None else "masks\0"
    keys = [
        os.fsencode(f"{root}\0{file.name}\0{other}") + mark
        for file, mark in zip(files, marks, strict=True)
    ]
    known = [recall(key) for key in keys]
    new = [file for file, found in zip(files, known, strict=True) if found is None]
    task, done, total = under_way().task("reading shards (bytes)"), 0, sum(f.work() for f in new)

    def passed(count: int) -> None:
        nonlocal done
        done = max(0, done + count)
        task(done, max(done, total))

    indexes = [
        _read_through(file, mark, key, passed, index) if found is None else found
        for file, mark, key, found in zip(files, marks, keys, known, strict=True)
    ]
    if not any(map(len, indexes)):
        notes = "".join(f": {note}" for note in unread(indexes))
        raise DataError(
            f"holds no image{notes}",
            where=printable(root),
            remedy="A sample of a tar shard is 0001.jpg beside 0001.cls; a Parquet shard has a "
            "column of images.",
        )
    shards = [*zip(files, marks, indexes, strict=True)]
    return ShardDataset(root, name, shards, class_names, lookup=index is not None)


def _read_through(
    file: Stored,
    mark: bytes,
    key: bytes,
    passed: Told,
    index: Callable[[Path, str, Told], ShardIndex] | None,
) -> ShardIndex:
    """One pass over a shard; what it has found is kept, unless the shard was just written."""
    index = index or format_of(file.name).index
    made = index(file.local(passed), printable(file.name), passed)
    if file.mark() != mark:
        raise changed(file.name)
    if is_cacheable(mark):
        keep(key, made)
    return made


NUMBERING = re.compile(r"[-_]?(\d+([-_]of[-_]\d+)?|\{.*\})$", re.IGNORECASE)


def parts_of(names: Sequence[str]) -> list[Part]:
    """The part that the name of each shard means: train-00000-of-00002.parquet, val/0001.tar."""
    stems = [NUMBERING.sub("", os.path.splitext(os.path.basename(name))[0]) for name in names]
    folders = [os.path.basename(os.path.dirname(name)) for name in names]
    by_stem, by_folder = likely_parts({*stems}), likely_parts({*folders})
    return [
        by_folder.get(folder, by_stem.get(stem, Part.UNASSIGNED))
        for folder, stem in zip(folders, stems, strict=True)
    ]

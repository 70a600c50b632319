"""Shards: files that hold many images each, tar archives of WebDataset or tables of Parquet.

A data set may be larger than the memory: each shard is read once from end to end, what is known of
its images is kept as an index in the cache, and an image is read from its place when it is asked
for. What lies in a shard is never written to the disk under a name that the shard gives.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import is_cacheable, stamp
from vitreous.data.dataset import Dataset, Part, Pixels
from vitreous.data.formats import parquet, webdataset
from vitreous.data.formats.image_files import SNIFFED
from vitreous.data.formats.part_words import likely_parts
from vitreous.data.formats.shard_index import ShardIndex, keep, recall
from vitreous.data.formats.shard_labels import columns, keys_twice, labeled
from vitreous.data.images.decode import decode, header
from vitreous.data.images.read_file import MAX_BYTES, printable
from vitreous.data.names import Names
from vitreous.errors import DataError, ImageError, OversizeError
from vitreous.progress.progress import under_way

OPEN = 8  # shards that are open at a time


class Stored(Protocol):
    """A file that may have to be fetched before it can be read.

    name  below the root of its data set
    """

    @property
    def name(self) -> str: ...

    def mark(self) -> bytes:
        """What tells of a change of its content."""

    def local(self) -> Path:
        """Where it lies on this machine, now."""


class Reader(Protocol):
    """An open shard. `read` is called from several threads."""

    def read(self, start: int, size: int) -> bytes: ...


@dataclass(frozen=True)
class ShardFormat:
    """A row of `FORMATS`.

    index   of a shard: its file, its name in errors, and who is told of bytes that were read
    open    a shard for reading from the places of its index
    """

    index: Callable[[Path, str, Callable[[int], None]], ShardIndex]
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

    def local(self) -> Path:
        return Path(self.root, self.name)


class ShardDataset(Dataset):
    """Images in shards.

    root    the folder, or the address, below which the shards lie
    shards  in order, with the index of each
    """

    root: str
    contents: NDArray[np.uint8]

    def __init__(
        self,
        root: str,
        name: str,
        shards: Sequence[tuple[Stored, ShardIndex]],
        class_names: Sequence[str] = (),
    ):
        self.root, self.name = root, name
        self.shards = [shard for shard, _ in shards]
        self._marks = [shard.mark() for shard in self.shards]
        given = parts_of([shard.name for shard in self.shards])
        names = [printable(shard.name) for shard in self.shards]
        found, notes = labeled([*zip(names, (index for _, index in shards), strict=True)])
        named = [*zip(names, found, strict=True)]
        self.targets, told = columns(named, class_names, printable(root))
        several = Counter(note for index in found for note in index.notes)
        self.notes = (*several, *notes, *told, *keys_twice(named, given))
        self._ends = np.cumsum([0, *map(len, found)]).tolist()
        self.names = Names.joined([index.names for index in found])
        self._starts = np.concatenate([index.starts for index in found])
        self._sizes = np.concatenate([index.sizes for index in found])
        self.contents = np.concatenate([index.digests for index in found])
        self.parts = np.repeat(given, [len(index) for index in found]).astype(np.int8)
        self._open: OrderedDict[int, Reader] = OrderedDict()
        self._lock = Lock()
        self.channels = self._sniff_channels()

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
        """Of an open shard; of those that are open the one that was not used longest is closed."""
        shard = self.shards[number]
        with self._lock:
            if number not in self._open:
                if shard.mark() != self._marks[number]:
                    raise DataError(
                        "has changed since it was opened",
                        where=printable(shard.name),
                        remedy="Begin again: its images are read anew.",
                    )
                self._open[number] = format_of(shard.name).open(shard.local())
            self._open.move_to_end(number)
            if len(self._open) > OPEN:
                self._open.popitem(last=False)
            return self._open[number]

    def _sniff_channels(self) -> int:
        """As of files: 1 if all of a sample are gray, C if all have the same many, else 3."""
        sample = np.unique(np.linspace(0, len(self) - 1, min(SNIFFED, len(self))).astype(np.int64))
        found = set()
        for index in sample.tolist():
            try:
                found.add(header(self.encoded(index)).channels)
            except ImageError:
                continue  # named later, when it is to be decoded
        return found.pop() if len(found) == 1 else 3


def format_of(name: str) -> ShardFormat:
    return FORMATS[os.path.splitext(name)[1].lower()]


def is_shard(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in FORMATS


def open_shards(
    root: str, name: str, files: Sequence[Stored], class_names: Sequence[str] = ()
) -> ShardDataset:
    """The data set that these shards are.

    class_names  of labels that are numbers, where a file beside the shards gives them

    Raises DataError for a shard that is damaged, with its name and the byte; UsageError where the
    package is missing that reads it.
    """
    found = [(file, _index(file)) for file in files]
    if not any(len(index) for _, index in found):
        notes = "; ".join(dict.fromkeys(note for _, index in found for note in index.notes))
        raise DataError(
            f"holds no image{': ' if notes else ''}{notes}",
            where=printable(root),
            remedy="A sample of a tar shard is 0001.jpg beside 0001.cls; a Parquet shard has a "
            "column of images.",
        )
    return ShardDataset(root, name, found, class_names)


def _index(file: Stored) -> ShardIndex:
    mark = file.mark()
    known = recall(mark_of(file, mark))
    if known is not None:
        return known
    path = file.local()
    total, done = os.path.getsize(path), 0
    task = under_way().task(f"reading {printable(file.name)} (bytes)")

    def passed(count: int) -> None:
        nonlocal done
        done += count
        task(done, total)

    made = format_of(file.name).index(path, printable(file.name), passed)
    if is_cacheable(mark) and file.mark() == mark:
        keep(mark_of(file, mark), made)
    return made


def mark_of(file: Stored, mark: bytes) -> bytes:
    """A shard is found again by its name and what tells of its change."""
    return os.fsencode(file.name) + b"\0" + mark


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

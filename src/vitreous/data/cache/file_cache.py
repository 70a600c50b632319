"""A cache of results per file, such as hashes: rows of bytes, found again by their keys.

A file's key is a hash of its name and its stamp: size, times and number on its disk. What was
learned holds until one of them changes. A ledger is one file a data set; it can be deleted at any
time.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache import cache_folder as cache
from vitreous.errors import ImageError

SIZE = 16  # bytes of a key
STAMP = struct.Struct("<QqqQ")  # size, times of writing and of change in nanoseconds, number
SAMPLE = 64  # files that are read where stamps alone do not tell
MIN_AGE = 2.0  # seconds; in younger files a second write might not change the time

Bytes = NDArray[np.uint8]


class Digested(Protocol):
    """What has a content, by number."""

    def digest(self, index: int) -> bytes: ...


class Files(Digested, Protocol):
    """What is stored below one folder or address, by number, such as a `FileDataset`."""

    root: str
    name: str

    def __len__(self) -> int: ...
    def id(self, index: int) -> str: ...
    def stamp(self, index: int) -> bytes: ...


def is_stored(data: Digested) -> TypeGuard[Files]:
    """Do they lie in files, so that what was learned of them can be kept?"""
    return getattr(data, "root", None) is not None


class Ledger:
    """The rows of one kind about the files of one data set.

    kind  the folder of the cache, such as "digests"
    """

    def __init__(self, kind: str, dataset: Files):
        place = os.fsencode(settled(dataset.root)) + b"\0" + os.fsencode(dataset.name)
        name = hashlib.blake2b(place, digest_size=SIZE).hexdigest()
        self.path: Path = cache.folder() / kind / f"{name}.npy"

    def recall(self, keys: Bytes, rows: Bytes) -> NDArray[np.bool_]:
        """Fill in the rows that are known, in place; returns which, (N,).

        keys  (N, 16); rows: (N, width)
        """
        known = np.zeros(len(keys), bool)
        table = cache.load_array(self.path, np.uint8, (None, SIZE + rows.shape[1]))
        if table is not None and len(table):
            there, wanted = as_words(table[:, :SIZE]), as_words(keys)
            order = np.argsort(there)
            place = order[np.minimum(np.searchsorted(there, wanted, sorter=order), len(there) - 1)]
            known = there[place] == wanted
            rows[known] = table[place[known], SIZE:]
        return known

    def keep(self, keys: Bytes, rows: Bytes) -> None:
        """Replace what was kept by these rows; a cache that cannot be written is none."""
        cache.save_array(self.path, np.hstack([keys, rows]))


def settled(root: str) -> str:
    """A folder without links in its path; an address as it is."""
    return root if "://" in root else os.path.realpath(root)


def stamp(path: str) -> bytes:
    """What tells of a change of a file without reading it.

    Size and time of writing can be set back, and in archives that are built twice alike they are
    the same for all files. The time of the last change, of names and owners too, cannot be set; the
    number stays with the content when files are renamed.
    """
    try:
        status = os.stat(path)
    except OSError:
        return b"missing"
    return STAMP.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def is_cacheable(stamp: bytes) -> bool:
    """Is the file of this stamp old enough for its times to tell of its next change? A digest in
    its place tells of every change.
    """
    if len(stamp) == SIZE:
        return True
    latest = time.time_ns() - int(MIN_AGE * 1e9)
    return len(stamp) == STAMP.size and max(STAMP.unpack(stamp)[1:3]) < latest


def sample_digest(files: Digested, stamps: Sequence[bytes]) -> bytes:
    """The content of some of the files, where all were written at one time; else nothing.

    On disks that are images themselves, each file has all its times from the image, and numbers are
    given in order: there the stamps of other content may be the same.
    """
    known = [STAMP.unpack(stamp) for stamp in stamps if len(stamp) == STAMP.size]
    if len({times[1] for times in known}) != 1:
        return b""
    state = hashlib.blake2b(digest_size=SIZE)
    chosen = np.unique(np.linspace(0, len(stamps) - 1, SAMPLE).astype(np.int64))
    for index in chosen.tolist():
        try:
            state.update(files.digest(index))
        except ImageError:
            state.update(b"unreadable")
    return state.digest()


def file_keys(dataset: Files, rules: bytes = b"") -> tuple[Bytes, NDArray[np.bool_]]:
    """(N, 16) keys of name and stamp; and whether the file is old enough to be remembered.

    rules  what else the rows depend on, such as the version of a decoder
    """
    keys = np.zeros((len(dataset), SIZE), np.uint8)
    cacheable = np.zeros(len(dataset), bool)
    stamps = [dataset.stamp(index) for index in range(len(dataset))]
    rules += sample_digest(dataset, stamps)
    for index, stamp in enumerate(stamps):
        name = os.fsencode(dataset.id(index))
        key = hashlib.blake2b(stamp + b"\0" + name + rules, digest_size=SIZE).digest()
        keys[index] = np.frombuffer(key, np.uint8)
        cacheable[index] = is_cacheable(stamp)
    return keys, cacheable


def as_words(rows: Bytes) -> NDArray[np.bytes_]:
    """(N, 16) bytes as N values that can be sorted and compared."""
    # Trailing zeros would be cut off by NumPy's byte strings, so every value ends in a one.
    closed = np.ones((len(rows), SIZE + 1), np.uint8)
    closed[:, :SIZE] = rows
    return closed.view(f"S{SIZE + 1}").ravel()

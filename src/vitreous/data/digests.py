"""What every example contains, as 16 bytes: the base of splits, of leaks and of duplicates.

Files are hashed by several threads, and once only: digests are kept in one file a data set, keyed
by name, size and time of each image.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitreous.atomic import replacing
from vitreous.data import cache
from vitreous.data.dataset import Dataset
from vitreous.data.files import FileDataset
from vitreous.data.quarantine import BadImage
from vitreous.errors import ImageError, StorageError

SIZE = 16  # bytes of a digest, and of a key
TASK = 256  # examples that one thread takes at a time
SETTLED = 2.0  # seconds after which a file's time tells of its next change

Progress = Callable[[int, int], None]


def digests(
    dataset: Dataset, *, threads: int | None = None, progress: Progress | None = None
) -> tuple[NDArray[np.uint8], tuple[BadImage, ...]]:
    """(N, 16) digests, and the examples that cannot be read; their rows are zero."""
    count = len(dataset)
    result = np.zeros((count, SIZE), np.uint8)
    if not isinstance(dataset, FileDataset):
        return result, _fill(dataset, np.arange(count), result, threads, progress)
    keys, settled = _keys(dataset)
    place = cache.folder() / "digests" / f"{_name(dataset)}.npy"
    known = _look_up(_load(place), keys, result)
    unknown = np.flatnonzero(~known)
    bad = _fill(dataset, unknown, result, threads, progress)
    readable = np.ones(count, bool)
    readable[[image.index for image in bad]] = False
    keep = readable & settled
    if len(unknown) > len(bad) and keep.any():
        with contextlib.suppress(StorageError, OSError):  # a cache that cannot be written is none
            place.parent.mkdir(parents=True, exist_ok=True)
            with replacing(place) as file:
                np.save(file, np.hstack([keys[keep], result[keep]]), allow_pickle=False)
    return result, bad


def _fill(
    dataset: Dataset,
    indices: NDArray[np.int64],
    result: NDArray[np.uint8],
    threads: int | None,
    progress: Progress | None,
) -> tuple[BadImage, ...]:
    def work(chunk: NDArray[np.int64]) -> list[BadImage]:
        bad = []
        for index in chunk.tolist():
            try:
                result[index] = np.frombuffer(dataset.digest(index), np.uint8)
            except ImageError as error:
                bad.append(BadImage(index, dataset.id(index), error.message))
        return bad

    chunks = [indices[first : first + TASK] for first in range(0, len(indices), TASK)]
    bad: list[BadImage] = []
    done = len(result) - len(indices)
    with ThreadPoolExecutor(threads or min(8, os.cpu_count() or 1), "digest") as executor:
        for chunk, damaged in zip(chunks, executor.map(work, chunks), strict=True):
            bad += damaged
            done += len(chunk)
            if progress:
                progress(done, len(result))
    return tuple(bad)


def _keys(dataset: FileDataset) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(N, 16) keys of name, size and time; and whether the file is old enough to be kept."""
    keys = np.zeros((len(dataset), SIZE), np.uint8)
    settled = np.zeros(len(dataset), bool)
    latest = time.time_ns() - int(SETTLED * 1e9)
    for index in range(len(dataset)):
        stamp = dataset.stamp(index)
        name = os.fsencode(dataset.id(index))
        key = hashlib.blake2b(stamp + b"\0" + name, digest_size=SIZE).digest()
        keys[index] = np.frombuffer(key, np.uint8)
        settled[index] = len(stamp) == 16 and struct.unpack("<Qq", stamp)[1] < latest
    return keys, settled


def _name(dataset: FileDataset) -> str:
    place = os.fsencode(os.path.realpath(dataset.root)) + b"\0" + os.fsencode(dataset.name)
    return hashlib.blake2b(place, digest_size=SIZE).hexdigest()


def _load(path: Path) -> NDArray[np.uint8]:
    """(K, 32): keys and digests; empty if there is no file, or a damaged one."""
    try:
        table = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return np.zeros((0, 2 * SIZE), np.uint8)
    if table.dtype != np.uint8 or table.shape[1:] != (2 * SIZE,):
        return np.zeros((0, 2 * SIZE), np.uint8)
    return np.asarray(table, np.uint8)


def _look_up(
    table: NDArray[np.uint8], keys: NDArray[np.uint8], result: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Fill in the digests of keys that the table holds; returns which."""
    known = np.zeros(len(keys), bool)
    if len(table):
        there, asked = as_words(table[:, :SIZE]), as_words(keys)
        order = np.argsort(there)
        place = order[np.minimum(np.searchsorted(there, asked, sorter=order), len(there) - 1)]
        known = there[place] == asked
        result[known] = table[place[known], SIZE:]
    return known


def as_words(rows: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """(N, 16) bytes as N values that can be sorted and compared."""
    # Trailing zeros would be cut off by NumPy's byte strings, so every value ends in a one.
    closed = np.ones((len(rows), SIZE + 1), np.uint8)
    closed[:, :SIZE] = rows
    return closed.view(f"S{SIZE + 1}").ravel()

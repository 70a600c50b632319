"""Content hashes: 16 bytes for every example, the base of splits, of leaks and of duplicates.

Files are hashed by several threads, and once only: digests are kept in a ledger.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import SIZE, Ledger, file_keys
from vitreous.data.dataset import Dataset, Progress
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.images.unreadable import BadImage
from vitreous.errors import ImageError

TASK = 256  # examples that one thread takes at a time


def digests(
    dataset: Dataset, *, threads: int | None = None, progress: Progress | None = None
) -> tuple[NDArray[np.uint8], tuple[BadImage, ...]]:
    """(N, 16) digests, and the examples that cannot be read; their rows are zero."""
    count = len(dataset)
    result = np.zeros((count, SIZE), np.uint8)
    if not isinstance(dataset, FileDataset):
        return result, _fill(dataset, np.arange(count), result, threads, progress)
    ledger = Ledger("digests", dataset)
    keys, settled = file_keys(dataset)
    unknown = np.flatnonzero(~ledger.recall(keys, result))
    bad = _fill(dataset, unknown, result, threads, progress)
    readable = np.ones(count, bool)
    readable[[image.index for image in bad]] = False
    keep = readable & settled
    if len(unknown) > len(bad) and keep.any():
        ledger.keep(keys[keep], result[keep])
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

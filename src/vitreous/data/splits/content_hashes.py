"""Content hashes: 16 bytes for every example, the base of splits, of leaks and of duplicates.

Files are hashed by several threads, and once only: digests are kept in a ledger.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import SIZE, Ledger, file_keys, is_stored
from vitreous.data.dataset import Dataset, Progress
from vitreous.data.images.map_images import map_images
from vitreous.data.images.unreadable import BadImage

TASK = 256  # examples that one thread takes at a time


def digests(
    dataset: Dataset, *, threads: int | None = None, progress: Progress | None = None
) -> tuple[NDArray[np.uint8], tuple[BadImage, ...]]:
    """(N, 16) digests, and the examples that cannot be read; their rows are zero."""
    if dataset.contents is not None:
        return dataset.contents, ()
    result = np.zeros((len(dataset), SIZE), np.uint8)
    unknown = np.arange(len(dataset))
    if is_stored(dataset):
        ledger, (keys, cacheable) = Ledger("digests", dataset), file_keys(dataset)
        unknown = np.flatnonzero(~ledger.recall(keys, result))

    def digest(index: int) -> NDArray[np.uint8]:
        return np.frombuffer(dataset.digest(index), np.uint8)

    bad: list[BadImage] = []
    row = np.dtype((np.uint8, SIZE))
    passing = map_images(
        dataset, digest, row, unknown, chunk=TASK, threads=threads, progress=progress
    )
    for indices, rows, damaged in passing:
        result[indices] = rows
        bad += damaged
    if is_stored(dataset) and len(unknown) > len(bad):
        cacheable[[image.index for image in bad]] = False
        if cacheable.any():
            ledger.keep(keys[cacheable], result[cacheable])
    return result, tuple(bad)

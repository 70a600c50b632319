"""One threaded pass over images: something is found out about each, ahead of whoever asks.

OpenCV and hashing free Python's lock while they work, so threads are enough.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vitreous.data.dataset import Progress
from vitreous.data.images.unreadable import BadImage
from vitreous.errors import ImageError


class Named(Protocol):
    """Images that have names, such as a `Dataset`."""

    def __len__(self) -> int: ...
    def id(self, index: int) -> str: ...


Chunk: TypeAlias = tuple[NDArray[np.int64], NDArray[Any], list[BadImage]]


def map_images(
    dataset: Named,
    function: Callable[[int], Any],
    row: DTypeLike,
    indices: NDArray[np.int64] | None = None,
    *,
    chunk: int,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Generator[Chunk, None, None]:
    """What `function` says of each image, in order: (indices, rows, bad) of some images at a time.

    function  index -> the content of one row; called from several threads
    row       type of a row; rows of images for which `function` raises ImageError are zero
    indices   of the images, (M,); default: all
    chunk     images that one thread takes at a time
    threads   default: one a core, 8 at most
    progress  called with (images done, images in all); those not among `indices` count as done

    At most two chunks a thread wait for their reader. An error, or closing the generator, stops the
    threads after the chunks at hand.
    """
    total = len(dataset)
    chosen = np.arange(total) if indices is None else indices
    threads = threads or min(8, os.cpu_count() or 1)

    def work(some: NDArray[np.int64]) -> Chunk:
        rows, bad = np.zeros(len(some), row), []
        for position, index in enumerate(some.tolist()):
            try:
                rows[position] = function(index)
            except ImageError as error:
                bad.append(BadImage(index, dataset.id(index), error.message, error.remedy))
        return some, rows, bad

    chunks = (chosen[first : first + chunk] for first in range(0, len(chosen), chunk))
    done = total - len(chosen)
    with ThreadPoolExecutor(threads, "images") as executor:
        ahead: deque[Future[Chunk]] = deque()
        ahead.extend(executor.submit(work, some) for some in islice(chunks, 2 * threads))
        try:
            while ahead:
                made = ahead.popleft().result()
                ahead.extend(executor.submit(work, some) for some in islice(chunks, 1))
                yield made
                done += len(made[0])
                if progress:
                    progress(done, total)
        finally:
            executor.shutdown(cancel_futures=True)

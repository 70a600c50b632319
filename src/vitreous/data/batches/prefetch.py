"""Prefetching: a thread makes the next item while the present one is in use."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


def prefetched(items: Generator[T, None, None], ahead: int) -> Iterator[T]:
    """The same items in the same order, made up to `ahead` before they are asked for.

    An error of the maker is raised where its item would have come. The thread ends with the last
    item, and also when the iterator is closed or forgotten earlier. With `ahead` = 0 there is none.
    """
    if ahead == 0:
        yield from items
        return
    ready: queue.SimpleQueue[tuple[T] | BaseException] = queue.SimpleQueue()
    room = threading.Semaphore(ahead)
    stopped = threading.Event()

    def make() -> None:
        try:
            with contextlib.closing(items):
                while room.acquire() and not stopped.is_set():
                    ready.put((next(items),))
        except BaseException as end:  # the last of them is StopIteration
            ready.put(end)

    thread = threading.Thread(target=make, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            made = ready.get()
            if isinstance(made, StopIteration):
                return
            if isinstance(made, BaseException):
                raise made
            room.release()
            yield made[0]
    finally:
        stopped.set()
        room.release()
        thread.join()

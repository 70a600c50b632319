from __future__ import annotations

import gc
import itertools
import threading
import time

import pytest

from vitreous.data.batches.prefetch import prefetched


def counting(stop, seen):
    try:
        for number in range(stop):
            seen.append(number)
            yield number
    finally:
        seen.append("closed")


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_items_come_in_order(ahead):
    assert list(prefetched(counting(20, []), ahead)) == list(range(20))
    assert list(prefetched(counting(0, []), ahead)) == []
    assert not threads()


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_only_so_many_are_made_ahead(ahead):
    seen = []
    items = prefetched(counting(100, seen), ahead)
    assert next(items) == 0
    deadline = time.monotonic() + 5
    while len(seen) < 1 + ahead and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert seen == list(range(1 + ahead))
    items.close()


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_the_maker_ends_when_the_user_stops_early(ahead):
    seen = []
    for number in prefetched(counting(100, seen), ahead):
        if number == 3:
            break
    gc.collect()
    assert not threads()
    assert seen[-1] == "closed"


def test_the_maker_ends_when_the_iterator_is_forgotten():
    seen = []
    items = prefetched(counting(100, seen), 2)
    assert list(itertools.islice(items, 2)) == [0, 1]
    assert len(threads()) == 1
    del items
    gc.collect()
    assert not threads()
    assert seen[-1] == "closed"


def test_an_iterator_that_is_never_used_starts_no_thread():
    items = prefetched(counting(100, []), 2)
    assert not threads()
    items.close()


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_errors_come_where_the_item_would_have_come(ahead):
    def broken():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    items = prefetched(broken(), ahead)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)
    assert not threads()


def test_making_and_using_overlap():
    def slow():
        for number in range(10):
            time.sleep(0.02)
            yield number

    made = []

    def noted():
        for number in slow():
            made.append(number)
            yield number

    ahead = []
    for number in prefetched(noted(), 1):
        time.sleep(0.1)  # while this one is used, the next is made
        ahead.append(len(made) - number - 1)
    assert max(ahead) >= 1

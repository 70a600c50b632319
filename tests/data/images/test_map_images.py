from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from vitreous.data.formats.arrays import from_arrays
from vitreous.data.images.map_images import map_images
from vitreous.data.images.unreadable import BadImage
from vitreous.errors import ImageError

COUNT = 50
PAIR = np.dtype((np.int64, 2))


@pytest.fixture
def images():
    pixels = np.arange(COUNT, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    return from_arrays(pixels, np.zeros(COUNT, np.int64))


def together(passing):
    """All chunks as one."""
    indices, rows, bad = zip(*passing, strict=True)
    return np.concatenate(indices), np.concatenate(rows), [image for one in bad for image in one]


@pytest.mark.parametrize("threads", [None, 1, 3, 60])
@pytest.mark.parametrize("chunk", [1, 7, 50, 1000])
def test_rows_come_in_order(images, chunk, threads):
    def look(index):
        time.sleep(0.001 * (index % 3))  # later ones are ready sooner
        return index, images.read(index)[0, 0, 0]

    indices, rows, bad = together(map_images(images, look, PAIR, chunk=chunk, threads=threads))
    assert indices.tolist() == list(range(COUNT))
    np.testing.assert_array_equal(rows, np.repeat(np.arange(COUNT), 2).reshape(-1, 2))
    assert bad == []


def test_some_images_in_any_order(images):
    chosen = np.array([9, 3, 41])
    indices, rows, _ = together(map_images(images, int, np.int64, chosen, chunk=2))
    assert indices.tolist() == rows.tolist() == [9, 3, 41]
    assert list(map_images(images, int, np.int64, np.array([], np.int64), chunk=2)) == []


def test_rows_may_be_records(images):
    record = np.dtype([("name", "S4"), ("size", "<i4", 2)])
    passing = map_images(images, lambda index: (b"%d" % index, (2, index)), record, chunk=8)
    rows = together(passing)[1]
    assert rows["name"][13] == b"13"
    assert rows["size"][13].tolist() == [2, 13]


def test_images_that_cannot_be_read_are_named_and_zero(images):
    def look(index):
        if index in (0, 33):
            raise ImageError("is gone", where="elsewhere")
        return index + 1

    _, rows, bad = together(map_images(images, look, np.int64, chunk=10))
    assert bad == [BadImage(0, images.id(0), "is gone"), BadImage(33, images.id(33), "is gone")]
    assert np.flatnonzero(rows == 0).tolist() == [0, 33]


def test_progress_counts_what_was_known_before(images):
    seen = []
    chosen = np.arange(30, COUNT)
    options = {"chunk": 8, "progress": lambda *counts: seen.append(counts)}
    for _, rows, _ in map_images(images, int, np.int64, chosen, **options):
        assert len(seen) == (rows[0] - 30) // 8  # a chunk counts once it was used
    assert seen == [(38, COUNT), (46, COUNT), (50, COUNT)]


@pytest.mark.parametrize("end", ["an error", "closed"])
def test_the_threads_end_early(images, end):
    looked = []

    def look(index):
        looked.append(index)
        if end == "an error" and index == 3:
            raise RuntimeError("no image, but a mistake")
        time.sleep(0.002)
        return index

    before = threading.active_count()
    passing = map_images(images, look, np.int64, chunk=1, threads=2)
    if end == "closed":
        next(passing)
        passing.close()
    else:
        with pytest.raises(RuntimeError, match="a mistake"):
            list(passing)
    assert threading.active_count() == before
    count = len(looked)
    assert count < 3 + 2 * 2 + 2  # what was asked for ahead, at most
    time.sleep(0.02)
    assert len(looked) == count


def test_no_more_is_made_ahead_than_two_chunks_a_thread(images):
    looked = []
    passing = map_images(
        images, lambda index: looked.append(index) or index, np.int64, chunk=3, threads=2
    )
    next(passing)
    time.sleep(0.1)
    assert len(looked) == 3 * (1 + 2 * 2)
    passing.close()

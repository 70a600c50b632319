from __future__ import annotations

import multiprocessing
import os
from types import SimpleNamespace

import numpy as np
import pytest

from vitreous.data.cache import cache_folder as caches

ARRAY = np.arange(24, dtype=np.float16).reshape(4, 2, 3)


@pytest.fixture
def kept(tmp_path):
    path = tmp_path / "cache" / "features" / "a.npy"
    caches.save_array(path, ARRAY)
    return path


def test_an_array_is_found_as_it_was_kept(kept):
    found = caches.load_array(kept, np.float16, (4, None, 3))
    np.testing.assert_array_equal(found, ARRAY)
    assert isinstance(found, np.memmap)  # not read before it is used
    with pytest.raises(ValueError):
        found[0] = 1
    assert [path.name for path in kept.parent.iterdir()] == ["a.npy"]


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        (np.float32, (4, 2, 3)),
        (np.float16, (5, 2, 3)),
        (np.float16, (4, None)),
        (np.float16, (4, 2, 3, None)),
        (np.float16, (None, None, 1)),
    ],
)
def test_another_array_is_none(kept, dtype, shape):
    assert caches.load_array(kept, dtype, shape) is None


@pytest.mark.parametrize("left", [0, 5, 100, -1])
def test_an_array_that_was_cut_is_none(kept, left):
    kept.write_bytes(kept.read_bytes()[:left])
    assert caches.load_array(kept, np.float16, (None, None, None)) is None


def test_a_pickle_is_none(kept):
    with kept.open("wb") as file:
        np.save(file, np.array([{}]), allow_pickle=True)
    assert caches.load_array(kept, object, (None,)) is None


def test_only_what_was_found_counts_as_used(kept):
    os.utime(kept, (1, 1))
    caches.load_array(kept, np.float32, (None, None, None))
    assert kept.stat().st_mtime == 1
    caches.load_array(kept, np.float16, (None, None, None))
    assert kept.stat().st_mtime > 1


def test_what_was_used_longest_ago_makes_room(kept, monkeypatch):
    size = kept.stat().st_size
    other = kept.with_name("b.npy")
    caches.save_array(other, ARRAY)
    os.utime(kept, (2, 2))
    os.utime(other, (1, 1))
    monkeypatch.setattr(caches, "BUDGET", 2 * size + ARRAY.nbytes - 1)
    caches.save_array(kept.with_name("c.npy"), ARRAY)
    assert sorted(path.name for path in kept.parent.iterdir()) == ["a.npy", "c.npy"]


def test_the_reserve_of_the_disk_is_left_alone(kept, monkeypatch):
    size, usage = kept.stat().st_size, SimpleNamespace(free=caches.RESERVE)
    monkeypatch.setattr(caches.shutil, "disk_usage", lambda _: usage)
    reason = caches.no_room(kept.parent, size + 1, "an array")
    left = f"less than 1.00\u202fGiB of the disk of {kept.parent} would be left"
    assert reason == f"an array needs {size + 1}\u202fB, and {left}"
    assert kept.exists()  # nothing is deleted in vain
    assert caches.no_room(kept.parent, size, "an array") is None
    assert not kept.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    reason = caches.no_room(tmp_path / "cache" / "packs", 1, "a pack")
    assert reason == f"the cache {tmp_path / 'cache' / 'packs'} cannot be used: Not a directory"
    path = tmp_path / "cache" / "packs" / "a.npy"
    caches.save_array(path, ARRAY)
    assert caches.load_array(path, np.float16, (None, None, None)) is None


def mirror(place, name, second):
    """A folder of 100 bytes and its list, used at this second."""
    (place / name / "deep").mkdir(parents=True)
    (place / name / "deep" / "file").write_bytes(bytes(100))
    (place / f"{name}.json").write_text("{}")
    for each in (place / name, place / f"{name}.json"):
        os.utime(each, (second, second))


def holding(place, ready, end):
    caches.hold(place / "a.held")
    ready.set()
    end.wait(30)


def test_folders_go_as_a_whole_unless_a_process_holds_them(tmp_path, monkeypatch):
    for second, name in enumerate("abc"):
        mirror(tmp_path, name, second + 1)
    spawn = multiprocessing.get_context("fork")
    ready, end = spawn.Event(), spawn.Event()
    other = spawn.Process(target=holding, args=(tmp_path, ready, end))
    other.start()
    assert ready.wait(30)
    free = caches.evict(tmp_path, 100, free=0)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "a.json", "a.held", "c", "c.json"}
    assert free == 102
    assert caches.evict(tmp_path, 300, free=102) == 102  # c would go in vain, as a stays
    assert (tmp_path / "c").is_dir()
    end.set()
    other.join()
    assert caches.evict(tmp_path, 300, free=102) == 306
    assert [path.name for path in tmp_path.iterdir()] == ["a.held"]
    mirror(tmp_path, "a", 1)
    caches.hold(tmp_path / "a.held")  # by this process itself
    assert caches.evict(tmp_path, 1, free=0) == 0
    monkeypatch.setattr(caches, "BUDGET", 0)
    caches.evict(tmp_path, 1, free=1000)
    assert (tmp_path / "a" / "deep" / "file").is_file()

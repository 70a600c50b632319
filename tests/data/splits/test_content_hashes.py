from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest

from vitreous.data.cache import file_cache
from vitreous.data.cache.file_cache import as_words
from vitreous.data.formats.arrays import from_arrays
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.names import Names
from vitreous.data.splits.content_hashes import digests
from vitreous.errors import ImageError


@pytest.fixture
def files(tmp_path, monkeypatch):
    """600 files that count as old, and an empty cache."""
    monkeypatch.setattr(file_cache, "MIN_AGE", -1)  # the time of a change cannot be set back
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(600):
        (folder / f"{number}.png").write_bytes(b"content %d" % number)
    return folder


def dataset(folder):
    names = sorted(path.name for path in folder.iterdir())
    count = len(names)
    return FileDataset(
        folder,
        Names(names),
        {},
        parts=np.full(count, -1, np.int8),
        channels=3,
    )


def counted(monkeypatch):
    """Count how many files are really read."""
    calls = []
    digest = FileDataset.digest

    def count(self, index):
        calls.append(index)
        return digest(self, index)

    monkeypatch.setattr(FileDataset, "digest", count)
    return calls


def test_files_are_hashed_by_content(files):
    data = dataset(files)
    seen = []
    result, bad = digests(data, progress=lambda done, total: seen.append((done, total)))
    assert bad == ()
    for index in (0, 123, 599):
        content = (files / data.id(index)).read_bytes()
        assert result[index].tobytes() == hashlib.blake2b(content, digest_size=16).digest()
    assert seen[-1] == (600, 600)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_files_are_read_once(files, monkeypatch):
    first, _ = digests(dataset(files))
    calls = counted(monkeypatch)
    again, _ = digests(dataset(files))
    assert calls == []
    np.testing.assert_array_equal(first, again)
    (files / "7.png").write_bytes(b"another!!")
    (files / "new.png").write_bytes(b"new")
    (files / "9.png").rename(files / "renamed.png")
    data = dataset(files)
    changed, _ = digests(data)
    assert sorted(data.id(index) for index in calls) == ["7.png", "new.png", "renamed.png"]
    assert changed[calls[0]].any()


def test_a_file_that_was_written_just_now_is_read_again(files, monkeypatch):
    monkeypatch.setattr(file_cache, "MIN_AGE", 3600)
    (files / "7.png").write_bytes(b"content 7")
    digests(dataset(files))
    calls = counted(monkeypatch)
    digests(dataset(files))
    assert len(calls) == 600


@pytest.mark.parametrize("change", ["rewritten", "swapped"])
def test_files_of_one_size_and_time_are_read_again(files, change):
    for path in files.iterdir():
        os.utime(path, (0, 0))
    one, other = files / "100.png", files / "200.png"
    first, _ = digests(dataset(files))
    if change == "swapped":
        one.rename(files / "aside")
        other.rename(one)
        (files / "aside").rename(other)
    else:
        one.write_bytes(b"content XYZ")
        os.utime(one, (0, 0))
    data = dataset(files)
    again, _ = digests(data)
    changed = {data.id(index) for index in np.flatnonzero((again != first).any(axis=1))}
    assert changed == ({"100.png", "200.png"} if change == "swapped" else {"100.png"})


def test_files_that_cannot_be_read_are_named(files):
    (files / "3.png").unlink()
    (files / "3.png").symlink_to(files / "nowhere")
    (files / "5.png").write_bytes(b"")
    data = dataset(files)
    result, bad = digests(data)
    assert {(image.id, image.reason) for image in bad} == {
        ("3.png", "is a link to a file that does not exist"),
        ("5.png", "the file is empty"),
    }
    assert not result[[image.index for image in bad]].any()
    assert digests(data)[1] == bad


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"x" * 1000])
def test_a_damaged_cache_is_made_again(files, content, tmp_path):
    first, _ = digests(dataset(files))
    (cached,) = (tmp_path / "cache/digests").iterdir()
    assert cached.stat().st_size < 40 * 600
    cached.write_bytes(content)
    np.testing.assert_array_equal(digests(dataset(files))[0], first)
    assert cached.stat().st_size > 32 * 600


def test_a_cache_that_cannot_be_written_is_no_error(files, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert digests(dataset(files))[0].any()


def test_arrays_need_no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    data = from_arrays(np.arange(24, dtype=np.uint8).reshape(6, 2, 2), range(6))
    result, bad = digests(data)
    assert result[4].tobytes() == data.digest(4)
    assert bad == ()
    assert not (tmp_path / "cache").exists()


def test_unreadable_examples_of_any_kind_are_named():
    class Broken(type(from_arrays(np.zeros((1, 2, 2)), [0]))):
        def digest(self, index):
            if index == 1:
                raise ImageError("is gone")
            return super().digest(index)

    data = Broken("b", np.zeros((3, 2, 2, 1), np.uint8), {})
    (bad,) = digests(data)[1]
    assert (bad.index, bad.id, bad.reason) == (1, "image/1", "is gone")


def test_words_keep_trailing_zeros_apart():
    rows = np.zeros((2, 16), np.uint8)
    rows[1, 15] = 0
    rows[0, 0] = rows[1, 0] = 1
    assert as_words(rows)[0] == as_words(rows)[1]
    rows[1, 15] = 1
    assert as_words(rows)[0] != as_words(rows)[1]
    assert len(np.unique(as_words(rows))) == 2

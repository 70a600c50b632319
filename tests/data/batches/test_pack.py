from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest

from vitreous.data.batches import decoding
from vitreous.data.batches import pack as packs
from vitreous.data.batches.pack import Streaming, key, pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.cache import cache_folder as caches
from vitreous.data.cache import file_cache
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.images.unreadable import BadImage
from vitreous.data.names import Names
from vitreous.errors import DataError, ImageError

CONTRACT = PixelContract(height=16, width=20, channels=3)
Disk = namedtuple("Disk", "total used free")


class Files(Dataset):
    """PNG files of a folder, without labels; counts how often a file is read."""

    channels = 3

    def __init__(self, folder: Path):
        self.name, self.root, self.targets = folder.name, str(folder), {}
        self.paths = sorted(folder.iterdir())
        self.parts = np.full(len(self.paths), Part.UNASSIGNED, np.int8)
        self.reads: list[int] = []

    def id(self, index):
        return self.paths[index].name

    def read(self, index, at_least=0):
        self.reads.append(index)
        content = np.frombuffer(self.paths[index].read_bytes(), np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB) if len(content) else None
        if image is None:
            raise ImageError("not an image", where=str(self.paths[index]))
        return image

    def digest(self, index):
        raise AssertionError("a stamp is enough")

    def stamp(self, index):
        state = self.paths[index].stat()
        return f"{state.st_size} {state.st_mtime_ns}".encode()


class Arrays(Dataset):
    """Images in memory."""

    name, channels = "arrays", 3

    def __init__(self, pixels, targets=None):
        self.pixels, self.targets = pixels, targets or {}
        self.parts = np.full(len(pixels), Part.UNASSIGNED, np.int8)

    def id(self, index):
        return f"train/{index}"

    def read(self, index, at_least=0):
        return self.pixels[index]

    def digest(self, index):
        return self.pixels[index].tobytes()[:16]


def save(path, image):
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(30):
        height, width = random.integers(10, 40, 2)
        save(folder / f"{number:03}.png", random.integers(0, 256, (height, width, 3), np.uint8))
    return folder


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def contents(cache):
    return sorted(path.name for path in (cache / "packs").iterdir())


def test_rows_are_what_the_contract_says(folder, cache):
    files = Files(folder)
    made = pack(files, CONTRACT, cache=cache)
    assert made.rows.shape == (30, 16, 20, 3)
    assert made.rows.dtype == np.uint8
    assert made.good.all()
    assert made.bad == ()
    assert made.note is None
    for index, row in enumerate(made.rows):
        np.testing.assert_array_equal(row, CONTRACT.row(files.read(index)))


def test_nothing_is_decoded_twice(folder, cache):
    pack(Files(folder), CONTRACT, cache=cache)
    files = Files(folder)
    made = pack(files, CONTRACT, cache=cache, progress=lambda *_: pytest.fail("decoded again"))
    assert files.reads == []
    assert contents(cache) == [made.path.name]


def test_rows_cannot_be_changed_by_accident(folder, cache):
    rows = pack(Files(folder), CONTRACT, cache=cache).rows
    with pytest.raises(ValueError):
        rows[0] = 0


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_gives_the_same_rows(folder, tmp_path, monkeypatch, threads):
    monkeypatch.setattr(decoding, "TASK", 3 * 16 * 20 * 3)  # tasks of three images
    one = pack(Files(folder), CONTRACT, cache=tmp_path / "one", threads=1)
    many = pack(Files(folder), CONTRACT, cache=tmp_path / "many", threads=threads)
    np.testing.assert_array_equal(one.rows, many.rows)


def test_progress_counts_to_the_end(folder, cache, monkeypatch):
    monkeypatch.setattr(decoding, "TASK", 4 * 16 * 20 * 3)
    seen = []
    pack(Files(folder), CONTRACT, cache=cache, progress=lambda *counts: seen.append(counts))
    assert seen == [(done, 30) for done in (4, 8, 12, 16, 20, 24, 28, 30)]


@pytest.mark.parametrize(
    "change", ["content", "time", "name", "added", "folder", "contract", "rules"]
)
def test_any_change_makes_another_pack(folder, change, monkeypatch):
    before = key(Files(folder), CONTRACT)
    assert key(Files(folder), CONTRACT) == before
    contract, first = CONTRACT, folder / "000.png"
    if change == "content":
        first.write_bytes(first.read_bytes() + b" ")
    elif change == "time":
        os.utime(first, (1, 1))
    elif change == "name":
        first.rename(folder / "0000.png")
    elif change == "added":
        shutil.copy(first, folder / "added.png")
    elif change == "folder":
        folder = shutil.copytree(folder, folder.parent / "copy")  # with names, sizes and times
    elif change == "contract":
        contract = PixelContract(height=16, width=20, channels=3, fit="pad")
    else:
        monkeypatch.setattr(packs, "VERSION", 1000)
    assert key(Files(folder), contract) != before


def image_files(folder):
    parts = np.full(30, Part.UNASSIGNED, np.int8)
    names = Names(sorted(path.name for path in folder.iterdir()))
    return FileDataset(folder, names, {}, parts=parts, channels=3)


def test_a_file_that_was_just_written_may_change_within_its_time(folder, monkeypatch):
    """Clocks of file systems tick coarsely: one size and time need not be one content."""
    files = image_files(folder)
    stamps = [files.stamp(index) for index in range(30)]
    monkeypatch.setattr(FileDataset, "stamp", lambda _, index: stamps[index])
    before = key(files, CONTRACT)
    content = bytearray((folder / "000.png").read_bytes())
    content[-1] ^= 1
    (folder / "000.png").write_bytes(content)
    assert key(files, CONTRACT) != before


def test_old_files_are_not_read_for_their_key(folder, monkeypatch):
    monkeypatch.setattr(file_cache, "MIN_AGE", -1)  # so that files count as old
    monkeypatch.setattr(FileDataset, "digest", lambda *_: pytest.fail("a stamp is enough"))
    for number, path in enumerate(sorted(folder.iterdir())):
        os.utime(path, (number, number))
    files = image_files(folder)
    assert key(files, CONTRACT) == key(files, CONTRACT)


@pytest.mark.parametrize("change", ["rewritten", "swapped"])
def test_files_of_one_size_and_time_are_told_apart(folder, change, monkeypatch):
    """As from an archive that is built twice alike; times of writing can be set, others cannot."""
    monkeypatch.setattr(file_cache, "MIN_AGE", -1)  # so that files count as old
    paths = sorted(folder.iterdir())
    for path in paths:
        path.write_bytes(bytes(1000))
        os.utime(path, (0, 0))
    monkeypatch.setattr(file_cache, "SAMPLE", 0)
    before = key(image_files(folder), CONTRACT)
    assert key(image_files(folder), CONTRACT) == before
    if change == "rewritten":
        paths[7].write_bytes(b"1" * 1000)
        os.utime(paths[7], (0, 0))
    else:
        paths[7].rename(folder / "aside")
        paths[8].rename(paths[7])
        (folder / "aside").rename(paths[8])
    assert key(image_files(folder), CONTRACT) != before


def test_where_stamps_do_not_tell_a_sample_is_read(folder, monkeypatch):
    """On a disk that is an image, numbers and all times may be the same for other content."""
    stamp = file_cache.STAMP.pack(1000, 0, 0, 7)
    monkeypatch.setattr(FileDataset, "stamp", lambda *_: stamp)
    before = key(image_files(folder), CONTRACT)
    for path in folder.iterdir():
        path.write_bytes(bytes(1000))
    assert key(image_files(folder), CONTRACT) != before


def test_damaged_images_are_listed_and_not_replaced(folder, cache):
    (folder / "007.png").write_bytes(b"<html>404</html>")
    (folder / "029.png").write_bytes(b"")
    for _ in range(2):  # built, then found
        made = pack(Files(folder), CONTRACT, cache=cache)
        assert made.bad == (
            BadImage(7, "007.png", "not an image"),
            BadImage(29, "029.png", "not an image"),
        )
        assert np.flatnonzero(~made.good).tolist() == [7, 29]
        assert not made.rows[[7, 29]].any()
        assert made.rows[[6, 8]].any(axis=(1, 2, 3)).all()


def test_damaged_images_stop_the_build_if_they_shall(folder, cache):
    (folder / "007.png").write_bytes(b"<html>404</html>")
    with pytest.raises(ImageError, match=r"007\.png: not an image"):
        pack(Files(folder), CONTRACT, cache=cache, bad_images="raise")
    assert contents(cache) == []
    pack(Files(folder), CONTRACT, cache=cache)
    with pytest.raises(ImageError, match=r"007\.png: not an image"):
        pack(Files(folder), CONTRACT, cache=cache, bad_images="raise")


def test_no_image_at_all_is_an_error(tmp_path, cache):
    folder = tmp_path / "broken"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(b"x")
    with pytest.raises(DataError, match="none of the 3 images"):
        pack(Files(folder), CONTRACT, cache=cache)


def test_an_undecodable_file_name_is_kept(folder, cache):
    name = os.fsencode(folder) + b"/\xff\n.png"
    os.rename(folder / "003.png", name)
    os.truncate(name, 0)
    for _ in range(2):  # built, then found
        (image,) = pack(Files(folder), CONTRACT, cache=cache).bad
        assert os.fsencode(image.id) == b"\xff\n.png"


def test_arrays_of_the_right_size_are_used_as_they_are(cache):
    pixels = np.zeros((5, 16, 20, 3), np.uint8)
    made = pack(Arrays(pixels), CONTRACT, cache=cache)
    assert made.rows is pixels
    assert made.path is None
    assert not cache.exists()


def test_arrays_of_another_size_are_resized(cache):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 10, 3), np.uint8)
    made = pack(Arrays(pixels), CONTRACT, cache=cache)
    np.testing.assert_array_equal(made.rows[3], CONTRACT.row(pixels[3]))


def test_an_empty_data_set_has_no_rows(cache):
    assert pack(Arrays(np.zeros((0, 8, 8, 3), np.uint8)), CONTRACT, cache=cache).rows.shape == (
        0,
        16,
        20,
        3,
    )


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 16, 40, 500, 16 * 20 * 3 * 30])
def test_a_pack_that_was_cut_is_made_again(folder, cache, cut):
    whole = pack(Files(folder), CONTRACT, cache=cache)
    rows = np.array(whole.rows)
    size = whole.path.stat().st_size
    os.truncate(whole.path, cut if cut < 100 else size - cut)
    files = Files(folder)
    np.testing.assert_array_equal(pack(files, CONTRACT, cache=cache).rows, rows)
    assert len(files.reads) == 30


def test_a_full_disk_means_streaming(folder, cache, monkeypatch):
    (folder / "007.png").write_bytes(b"")
    expected = np.array(pack(Files(folder), CONTRACT, cache=cache).rows)
    shutil.rmtree(cache)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**12, 10**12, caches.RESERVE + 10))
    made = pack(Files(folder), CONTRACT, cache=cache)
    assert isinstance(made.rows, Streaming)
    assert "decoded each time" in made.note
    assert made.path is None
    assert [image.index for image in made.bad] == [7]
    assert contents(cache) == []
    assert made.rows.shape == expected.shape
    assert len(made.rows) == 30
    np.testing.assert_array_equal(made.rows[np.array([4, 7, 4, 29])], expected[[4, 7, 4, 29]])
    np.testing.assert_array_equal(made.rows[5:9], expected[5:9])
    np.testing.assert_array_equal(made.rows[-1], expected[-1])
    (folder / "004.png").write_bytes(b"")  # damaged later: said, not replaced
    with pytest.raises(ImageError, match="not an image"):
        made.rows[np.array([4])]


def test_a_cache_that_cannot_be_made_means_streaming(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    made = pack(Files(folder), CONTRACT, cache=tmp_path / "file")
    assert isinstance(made.rows, Streaming)
    assert "cannot be used" in made.note


@pytest.mark.parametrize("flush", [1, 1 << 30], ids=["on the way", "at the end"])
def test_a_disk_that_fills_up_means_streaming(folder, cache, monkeypatch, flush):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vitreous.data.batches.pack_files.FLUSH", flush)
    monkeypatch.setattr(os, "fsync", full)
    made = pack(Files(folder), CONTRACT, cache=cache)
    assert isinstance(made.rows, Streaming)
    assert f"{cache / 'packs'}: the disk is full: a pack needs" in made.note
    assert contents(cache) == []


def test_the_disk_writes_before_the_end(folder, cache, monkeypatch):
    sync, sizes = os.fsync, []

    def counted(descriptor):
        sizes.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    monkeypatch.setattr("vitreous.data.batches.pack_files.FLUSH", 1)
    made = pack(Files(folder), CONTRACT, cache=cache)
    assert sizes[0] == made.rows.nbytes  # all rows, without the footer
    assert sizes[1] == made.path.stat().st_size


def test_old_packs_make_room_for_new_ones(folder, cache, monkeypatch):
    made = []
    for size in (8, 9, 10):
        contract = PixelContract(height=size, width=size, channels=3)
        made.append(pack(Files(folder), contract, cache=cache).path)
    for age, path in ((300, made[0]), (100, made[1]), (200, made[2])):
        os.utime(path, (time.time() - age,) * 2)
    pack(Files(folder), PixelContract(height=8, width=8, channels=3), cache=cache)  # used again
    size = 30 * 11 * 11 * 3
    monkeypatch.setattr(caches, "BUDGET", sum(path.stat().st_size for path in made) + size - 1)
    new = pack(Files(folder), PixelContract(height=11, width=11, channels=3), cache=cache)
    assert {made[0].name, made[1].name, new.path.name} == set(contents(cache))


def test_nothing_is_deleted_in_vain(folder, cache, monkeypatch):
    old = pack(Files(folder), CONTRACT, cache=cache).path
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**12, 10**12, caches.RESERVE + 10))
    large = PixelContract(height=64, width=64, channels=3)
    assert pack(Files(folder), large, cache=cache).note
    assert contents(cache) == [old.name]
    small = PixelContract(height=8, width=8, channels=3)  # fits in the place of the old one
    new = pack(Files(folder), small, cache=cache).path
    assert contents(cache) == [new.name]


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "mine"))
    assert caches.folder() == tmp_path / "mine"
    monkeypatch.delenv("VITREOUS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert caches.folder() == tmp_path / "xdg" / "vitreous"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert caches.folder() == Path.home() / ".cache" / "vitreous"


def test_two_builders_at_once_do_not_collide(folder, cache):
    made, errors = [], []

    def build():
        try:
            made.append(pack(Files(folder), CONTRACT, cache=cache))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for other in made[1:]:
        np.testing.assert_array_equal(made[0].rows, other.rows)
    assert len(contents(cache)) == 1


SLOW_BUILD = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from vitreous.data.batches.preprocess import PixelContract
    from vitreous.data.dataset import Dataset
    from vitreous.data.batches.pack import pack

    class Slow(Dataset):
        name, channels, targets = "slow", 3, {}
        parts = np.zeros(200, np.int8)
        def id(self, index): return str(index)
        def digest(self, index): return b"0123456789abcdef"
        def read(self, index, at_least=0):
            time.sleep(float(sys.argv[2]))
            return np.full((8, 8, 3), index, np.uint8)

    print("started", flush=True)
    contract = PixelContract(height=64, width=64, channels=3)
    made = pack(Slow(), contract, cache=Path(sys.argv[1]))
    print(made.path, made.rows[:, 5, 5, 1].tolist() == list(range(200)), flush=True)
"""


def slow_build(cache, pause):
    command = [sys.executable, "-c", textwrap.dedent(SLOW_BUILD), str(cache), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed_builds(cache, kills):
    """A build that is killed at `kills` random moments and begun again each time."""
    moments, happened, longest = np.random.default_rng(kills), 0, 0.5
    while True:
        with slow_build(cache, 0.002 if happened < kills else 0) as build:
            assert build.stdout.readline() == "started\n"
            if happened < kills:
                time.sleep(moments.uniform(0, longest))
                build.kill()
            told = build.stdout.read().split()
        if build.returncode == -signal.SIGKILL:
            happened += 1
            assert [path.suffix for path in cache.glob("packs/*")].count(".rows") == (told != [])
            continue
        assert build.returncode == 0
        path, right = told
        assert right == "True"
        if happened >= kills:
            return path
        os.unlink(path)  # it was over before it could be killed
        longest /= 2


def test_a_build_killed_at_random_moments(cache):
    killed_builds(cache, 2)


@pytest.mark.slow
def test_a_build_killed_at_many_random_moments(cache):
    whole = Path(killed_builds(cache / "whole", 0)).read_bytes()
    assert Path(killed_builds(cache / "killed", 30)).read_bytes() == whole


def test_a_killed_build_leaves_no_false_pack(cache):
    build = slow_build(cache, 0.02)
    with build:
        assert build.stdout.readline() == "started\n"
        while not list(cache.glob("packs/.*.tmp")):
            time.sleep(0.01)
        time.sleep(0.5)
        build.send_signal(signal.SIGKILL)
        assert build.stdout.read() == ""  # it was not done yet
    assert [path.suffix for path in (cache / "packs").iterdir()] == [".tmp"]
    with slow_build(cache, 0) as second:
        path, right = second.communicate()[0].splitlines()[-1].split()
    assert right == "True"
    left = [path.name for path in (cache / "packs").iterdir() if path.suffix == ".tmp"]
    assert len(left) == 1  # it may belong to a builder that is alive
    old = cache / "packs" / left[0]
    os.utime(old, (time.time() - caches.STALE - 1,) * 2)
    caches.evict(cache / "packs", 0, free=0)
    assert contents(cache) == [Path(path).name]


MEMORY = """
    import resource, sys
    from pathlib import Path
    import numpy as np
    from vitreous.data.batches.preprocess import PixelContract
    from vitreous.data.dataset import Dataset
    from vitreous.data.batches.pack import pack

    class Large(Dataset):
        name, channels, targets = "large", 3, {}
        parts = np.zeros(2000, np.int8)
        def id(self, index): return str(index)
        def digest(self, index): return b"0123456789abcdef"
        def read(self, index, at_least=0):
            return np.full((10, 10, 3), index % 251, np.uint8)

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

    cache, before = Path(sys.argv[1]), peak()
    pack(Large(), PixelContract(height=10, width=10, channels=3), cache=cache)
    started = peak()
    made = pack(Large(), PixelContract(height=224, width=224, channels=3), cache=cache)
    print(made.path.stat().st_size >> 20, peak() - started)
"""


def test_building_needs_little_memory(cache):
    command = [sys.executable, "-c", textwrap.dedent(MEMORY), str(cache)]
    written, grown = map(int, subprocess.check_output(command, text=True).split())
    assert written > 280
    assert grown < 80  # MiB

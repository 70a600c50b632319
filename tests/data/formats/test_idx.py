from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vitreous.data.dataset import Part
from vitreous.data.formats.idx import is_idx, open_idx
from vitreous.data.formats.open import open as open_data
from vitreous.data.splits.split import split
from vitreous.errors import DataError

rng = np.random.default_rng(0)


def packed(array):
    return (
        b"\0\0\x08"
        + bytes([array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + (array.astype(np.uint8).tobytes())
    )


def plant(folder, count=6, prefix="train", images=None, labels=None, suffix=""):
    folder.mkdir(exist_ok=True)
    images = rng.integers(0, 256, (count, 5, 4), dtype=np.uint8) if images is None else images
    labels = np.arange(count) % 3 if labels is None else labels
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        data = array if isinstance(array, bytes) else packed(array)
        path = folder / f"{prefix}-{kind}-ubyte{suffix}"
        path.write_bytes(gzip.compress(data) if suffix == ".gz" else data)
    return images, labels


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_four_files(tmp_path, suffix):
    images, labels = plant(tmp_path, suffix=suffix)
    test_images, test_labels = plant(tmp_path, 4, "t10k", suffix=suffix)
    data = open_idx(tmp_path)
    np.testing.assert_array_equal(data.pixels[..., 0], np.concatenate([images, test_images]))
    assert data.targets["class"].array.tolist() == [*labels, *test_labels]
    assert data.parts.tolist() == [Part.TRAIN] * 6 + [Part.TEST] * 4
    assert data.classes == ("0", "1", "2")
    assert (data.id(0), data.id(6), data.channels) == ("train/0", "test/0", 1)
    assert data[6].image.shape == (5, 4, 1)


def test_one_pair_is_enough(tmp_path):
    plant(tmp_path, prefix="emnist-letters-train")
    assert set(open_idx(tmp_path).parts.tolist()) == {Part.TRAIN}
    plant(tmp_path / "test", prefix="t10k")
    assert set(open_idx(tmp_path / "test").parts.tolist()) == {Part.TEST}


def test_parts_of_different_sizes(tmp_path):
    plant(tmp_path)
    plant(tmp_path, 4, "t10k", images=np.zeros((4, 6, 6), np.uint8))
    with pytest.raises(DataError, match=r"differ in shape: \(6, 5, 4, 1\), \(4, 6, 6, 1\)"):
        open_idx(tmp_path)


def test_names():
    assert is_idx("train-images.idx3-ubyte")
    assert is_idx("t10k-labels-idx1-ubyte.gz")
    assert not is_idx("train-images.zip")


def test_a_file_beside_its_own_gz(tmp_path):
    plant(tmp_path)
    plant(tmp_path, suffix=".gz")
    assert len(open_idx(tmp_path)) == 6


BAD_IMAGES = {
    "cut": (packed(np.zeros((6, 5, 4)))[:-3], "is cut off: 117 bytes of 120"),
    "long": (packed(np.zeros((6, 5, 4))) + b"\0", "goes on after the last value"),
    "magic": (b"\0\0\x0d\3" + bytes(200), "begins with 0x00000d03"),
    "labels": (packed(np.zeros(6)), "begins with 0x00000801; images begin with 0x00000803"),
    "header": (b"\0\0\x08\3\0\0", "cut off in its header"),
    "empty": (b"", "begins with 0x;"),
    "nothing": (packed(np.zeros((6, 0, 4))), "holds nothing"),
    "huge": (b"\0\0\x08\3" + b"\xff" * 12, "more than the file can hold"),
}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_damage_is_named(tmp_path, kind, suffix):
    data, message = BAD_IMAGES[kind]
    plant(tmp_path, images=data, suffix=suffix)
    with pytest.raises(DataError) as caught:
        open_idx(tmp_path)
    assert message in caught.value.message
    assert "train-images" in caught.value.where


def test_a_cut_gzip_stream(tmp_path):
    plant(tmp_path, suffix=".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="train-images"):
        open_idx(tmp_path)
    path.write_bytes(b"no gzip at all")
    with pytest.raises(DataError, match="train-images"):
        open_idx(tmp_path)


def test_counts_that_differ(tmp_path):
    plant(tmp_path, labels=np.zeros(5))
    with pytest.raises(DataError, match="6 images, but there are 5 labels"):
        open_idx(tmp_path)


def test_a_file_without_its_partner(tmp_path):
    plant(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="without its labels"):
        open_idx(tmp_path)


def test_two_sets_in_one_folder(tmp_path):
    plant(tmp_path)
    plant(tmp_path, prefix="emnist-train")
    with pytest.raises(DataError, match="both images of the train part"):
        open_idx(tmp_path)


# The official files


@pytest.fixture
def mnist(real_set: Callable[[str], Path]) -> Path:
    return real_set("mnist")


def test_mnist_has_its_canonical_parts(mnist: Path):
    data = open_idx(mnist)
    assert (len(data), data.channels, data.classes[9]) == (70_000, 1, "9")
    parts = split(data)
    assert parts.sizes() == {"train": 50_000, "validation": 10_000, "test": 10_000}
    # Indices and targets by hashes that were computed from ranges and from the files themselves.
    for part, low, high in (
        (Part.TRAIN, 0, 50_000),
        (Part.VALIDATION, 50_000, 60_000),
        (Part.TEST, 60_000, 70_000),
    ):
        expected = hashlib.sha256(np.arange(low, high, dtype="<i8").tobytes()).hexdigest()
        assert parts.sha256(part) == expected
    # The published figures of the training set: 0.1307 and 0.3081.
    pixels = data.pixels[:60_000] / np.float32(255)
    assert abs(pixels.mean(dtype=np.float64) - 0.1307) < 1e-4
    assert abs(pixels.std(dtype=np.float64) - 0.3081) < 1e-4
    assert parts.leaks == ()
    assert parts.unreadable == ()


def test_mnist_with_the_5000_test_images_of_the_lecture(mnist: Path):
    data = open_idx(mnist, test=5_000)
    assert split(data).sizes() == {"train": 50_000, "validation": 10_000, "test": 5_000}
    whole = open_idx(mnist)
    np.testing.assert_array_equal(
        data.targets["class"].array[60_000:], whole.targets["class"].array[60_000:65_000]
    )


def test_mnist_by_its_names(mnist: Path):
    """As a user has it: the variable names the folder, and the set is asked for by name."""
    assert split(open_data("mnist")).sizes() == {
        "train": 50_000, "validation": 10_000, "test": 10_000
    }  # fmt: skip
    assert split(open_data("mnist-5000")).sizes()["test"] == 5_000


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_gzip_is_told_by_its_bytes(tmp_path, suffix):
    """Browsers unpack what they fetch and keep the name; others pack and drop it."""
    plant(tmp_path, suffix=suffix)
    wanted = open_idx(tmp_path).pixels
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        path.write_bytes(gzip.decompress(content) if suffix else gzip.compress(content))
    np.testing.assert_array_equal(open_idx(tmp_path).pixels, wanted)


@pytest.mark.parametrize("numbers", [range(1, 27), range(3, 6)])
def test_numbers_that_do_not_begin_at_0(tmp_path, numbers):
    """EMNIST's letters are 1 to 26: there is no class 0 without images."""
    plant(tmp_path, 78, labels=np.arange(78) % len(numbers) + numbers[0])
    plant(tmp_path, 3, "t10k", labels=np.full(3, numbers[1]))
    data = open_idx(tmp_path)
    assert data.classes == tuple(map(str, numbers))
    assert [data.text(index) for index in (0, 1, 78)] == [str(numbers[n]) for n in (0, 1, 1)]
    (note,) = data.notes
    assert note == f"labels run from {numbers[0]} to {numbers[-1]}, and classes are called so"


def test_the_test_part_may_hold_the_lowest_number(tmp_path):
    plant(tmp_path, labels=np.array([1, 2] * 3))
    plant(tmp_path, 2, "t10k", labels=np.array([0, 1]))
    data = open_idx(tmp_path)
    assert data.classes == ("0", "1", "2")
    assert [data.text(index) for index in (0, 6)] == ["1", "0"]

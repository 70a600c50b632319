from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import vitreous.data.formats.open as module
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.torch_dataset import TorchDataset
from vitreous.errors import DataError, UsageError

GRAY = np.zeros((4, 3, 3), np.uint8)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The value of VITREOUS_DATA, with a set of class folders in it; the work folder is empty."""
    for name in ("cat", "dog"):
        (tmp_path / "sets/pets" / name).mkdir(parents=True)
        Image.new("RGB", (3, 2)).save(tmp_path / "sets/pets" / name / "1.png")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("VITREOUS_DATA", str(tmp_path / "sets"))
    return tmp_path / "sets"


def test_digits_are_always_there(monkeypatch, tmp_path):
    monkeypatch.delenv("VITREOUS_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    data = module.open("digits")
    theirs = load_digits()
    np.testing.assert_array_equal(data.targets["class"].array, theirs.target)
    np.testing.assert_array_equal(data.pixels[..., 0], np.rint(theirs.images * (255 / 16)))
    # Splits, packs and every recorded number rest on it.
    assert data.fingerprint == "780089421874845abc2570dbb5003fb7"


def test_every_form_is_told_apart(root):
    np.savez(root / "a.npz", images=GRAY, labels=[0, 1, 0, 1])
    (root / "packed").mkdir()
    np.savez(root / "packed/b.npz", images=GRAY, labels=[0, 1, 0, 1])
    (root / "c.csv").write_text("path,label\npets/cat/1.png,x\npets/dog/1.png,y\n")
    (root / "digits").mkdir()
    for name, form, size in [
        (root / "pets", FileDataset, 2),
        (str(root / "pets"), FileDataset, 2),
        (root / "a.npz", ArrayDataset, 4),
        (root / "packed", ArrayDataset, 4),
        (root / "c.csv", FileDataset, 2),
        ((GRAY, [0, 1, 0, 1]), ArrayDataset, 4),
        ([(GRAY[0], 0), (GRAY[1], 1)], TorchDataset, 2),
        ("pets", FileDataset, 2),
        ("c", FileDataset, 2),
        ("a", ArrayDataset, 4),
    ]:
        data = module.open(name)
        assert isinstance(data, form), name
        assert len(data) == size
    assert module.open(data) is data


def test_a_folder_here_comes_before_a_name(root, tmp_path):
    for name in ("own/a", "own/b"):
        (tmp_path / "work/pets" / name).mkdir(parents=True)
    Image.new("L", (2, 2)).save(tmp_path / "work/pets/own/1.png")
    assert module.open("pets").channels == 1


def test_idx_and_cifar_folders(root):
    (root / "batches").mkdir()
    (root / "batches/test_batch.bin").write_bytes(bytes(3073))
    assert module.open("batches").pixels.shape == (1, 32, 32, 3)
    (root / "mnist").mkdir()
    for count, dims in (("images", 3), ("labels", 1)):
        head = bytes([0, 0, 8, dims]) + b"\0\0\0\1" * dims
        (root / "mnist" / f"t10k-{count}-idx{dims}-ubyte").write_bytes(head + b"\0")
    assert module.open("mnist").pixels.shape == (1, 1, 1, 1)
    assert len(module.open("mnist-5000")) == 1
    assert len(module.open(root / "mnist/t10k-images-idx3-ubyte")) == 1


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("pest", "Did you mean pets?"),
        ("digit", "Did you mean digits?"),
        ("zzz", "Known names: digits, scattered, scenes, crowds, pets"),
        ("no/such/folder", "The folder no/such does not exist either"),
        ("../sets/pet", "Did you mean ../sets/pets?"),
    ],
)
def test_unknown_names(root, source, remedy):
    with pytest.raises(UsageError) as caught:
        module.open(source)
    assert source in caught.value.message
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 2


def test_unknown_names_without_the_variable(root, monkeypatch):
    monkeypatch.delenv("VITREOUS_DATA")
    with pytest.raises(UsageError, match="VITREOUS_DATA"):
        module.open("imagenet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", None, "is a single image"),
        ("a.zip", b"PK\3\4abc", "is a zip archive"),
        ("a.tar.gz", b"\x1f\x8b\x08", "is a gzip archive"),
        ("a.txt", b"hello", "is text"),
        ("a.pkl", b"\x80\4", "is a pickle"),
    ],
)
def test_files_that_are_no_data(root, name, content, message):
    if content is None:
        Image.new("L", (2, 2)).save(root / name)
    else:
        (root / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        module.open(root / name)
    assert caught.value.remedy


def test_places_that_are_no_data(root):
    (root / "dangling").symlink_to(root / "none")
    with pytest.raises(DataError, match="leads nowhere"):
        module.open(root / "dangling")
    os.mkfifo(root / "pipe")
    with pytest.raises(DataError, match="no regular file"):
        module.open(root / "pipe")
    (root / "nothing").mkdir()
    with pytest.raises(DataError, match="is empty"):
        module.open(root / "nothing")
    with pytest.raises(UsageError, match="int is nothing"):
        module.open(7)


def test_a_folder_that_may_not_be_listed(root, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DataError, match="cannot be listed"):
        module.open(root / "pets")

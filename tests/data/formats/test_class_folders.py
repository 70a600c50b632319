from __future__ import annotations

import os
import pickle
import time

import numpy as np
import pytest
from PIL import Image

from vitreous.data.dataset import Part
from vitreous.data.formats.class_folders import open_folder
from vitreous.errors import DataError, ImageError


def plant(root, *names, mode="RGB", color=None):
    """One small image for each name, all different; the kind of file follows the suffix."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shade = (number * 37 + 11) % 256
        image = Image.new("RGB", (5, 4), color or (shade, 255 - shade, number % 256))
        image.convert(mode).save(path)


def ids(dataset):
    return [dataset.id(index) for index in range(len(dataset))]


def labels(dataset):
    return [dataset.classes[target] for target in dataset.targets["class"].array]


def test_class_folders(tmp_path):
    plant(tmp_path, "dog/2.png", "dog/10.png", "cat/a.jpg", "cat/deep/b.bmp")
    data = open_folder(tmp_path)
    assert data.classes == ("cat", "dog")
    assert ids(data) == ["cat/a.jpg", "cat/deep/b.bmp", "dog/10.png", "dog/2.png"]
    assert labels(data) == ["cat", "cat", "dog", "dog"]
    assert data.targets["class"].array.dtype == np.int64
    assert (data.parts == Part.UNASSIGNED).all()
    assert (data.channels, data.name, data.notes) == (3, tmp_path.name, ())
    assert data[0].image.shape == (4, 5, 3)


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
def test_parts_by_any_of_their_names(tmp_path, validation):
    plant(tmp_path, "train/a/1.png", "train/b/2.png", f"{validation}/a/3.png", "test/b/4.png")
    data = open_folder(tmp_path)
    parts = dict(zip(ids(data), data.parts.tolist(), strict=True))
    assert parts == {
        "train/a/1.png": Part.TRAIN,
        "train/b/2.png": Part.TRAIN,
        f"{validation}/a/3.png": Part.VALIDATION,
        "test/b/4.png": Part.TEST,
    }


def test_test_never_stands_in_for_validation(tmp_path):
    plant(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/4.png")
    assert Part.VALIDATION not in open_folder(tmp_path).parts


def test_labels_are_told_by_name_where_a_class_is_missing(tmp_path):
    plant(tmp_path, *(f"train/{name}/1.png" for name in ("1", "10", "2")), "test/2/1.png")
    data = open_folder(tmp_path)
    assert data.classes == ("1", "10", "2")
    assert labels(data)[-1] == "2"


def test_a_class_only_in_the_test_part_is_a_class(tmp_path):
    plant(tmp_path, "train/a/1.png", "train/c/1.png", "test/b/1.png")
    data = open_folder(tmp_path)
    assert data.classes == ("a", "b", "c")
    assert labels(data) == ["a", "c", "b"]


def test_part_names_that_are_classes(tmp_path):
    plant(tmp_path, "valid/1.png", "invalid/2.png")
    data = open_folder(tmp_path)
    assert data.classes == ("invalid", "valid")
    assert (data.parts == Part.UNASSIGNED).all()


def test_classes_beside_a_part(tmp_path):
    plant(tmp_path, "cat/1.png", "dog/1.png", "test/cat/2.png", "test/dog/2.png")
    with pytest.raises(DataError, match="test/ holds class folders"):
        open_folder(tmp_path)


def test_two_folders_for_one_part(tmp_path):
    plant(tmp_path, "train/a/1.png", "val/a/1.png", "valid/a/1.png")
    with pytest.raises(DataError, match="val/ and valid/ both mean the validation part"):
        open_folder(tmp_path)


def test_what_is_no_data_is_left_out_and_said(tmp_path):
    plant(
        tmp_path,
        "cat/1.png",
        "dog/1.png",
        ".cache/1.png",
        "cat/.hidden.png",
        "cat/._1.png",
        "cat/.thumbs/1.png",
        "__MACOSX/cat/1.png",
        "runs/photos/pictures/1.png",
        "stray.png",
    )
    for name in ("recipe.yaml", "metrics.jsonl", "report.html"):
        (tmp_path / "runs/photos" / name).touch()
    for name in ("Thumbs.db", "notes.txt", "more.txt", "old.heic", "README"):
        (tmp_path / "cat" / name).touch()
    (tmp_path / "empty").mkdir()
    data = open_folder(tmp_path)
    assert ids(data) == ["cat/1.png", "dog/1.png"]
    notes = "\n".join(data.notes)
    assert "no images in empty/, runs/" in notes
    assert "1 image in ./ itself is in no class folder and is left out" in notes
    assert "2 .txt" in notes
    assert "1 .heic" in notes
    assert "1 without a suffix" in notes


def test_folders_beside_the_parts(tmp_path):
    plant(tmp_path, "train/a/1.png", "train/b/1.png", "extra/c/1.png")
    with pytest.raises(DataError, match="holds train/ and beside it extra/, with images"):
        open_folder(tmp_path)
    (tmp_path / "extra/c/1.png").unlink()
    data = open_folder(tmp_path)
    assert data.classes == ("a", "b")
    assert data.notes == ("beside the parts, and left out: extra/",)


def test_classes_that_differ_by_case(tmp_path):
    plant(tmp_path, "Cat/1.png", "cat/1.png", "dog/1.png")
    data = open_folder(tmp_path)
    if len(data.classes) == 2:
        pytest.skip("this file system does not tell case")
    assert data.notes == ("classes that differ by case alone: Cat, cat",)


def test_one_name_written_in_two_unicode_forms_is_one_class(tmp_path):
    plant(tmp_path, "train/caf\u00e9/1.png", "val/cafe\u0301/2.png")
    assert open_folder(tmp_path).classes == ("caf\u00e9",)


def test_names_that_are_no_utf8_survive(tmp_path):
    plant(tmp_path, "cat/1.png", "dog/1.png")
    odd = os.path.join(os.fsencode(tmp_path), b"cat", b"\xe9t\xe9.png")
    os.rename(tmp_path / "cat/1.png", odd)
    data = open_folder(tmp_path)
    assert os.fsencode(data.id(0)) == b"cat/\xe9t\xe9.png"
    assert data[0].image.shape == (4, 5, 3)
    assert len(data.fingerprint) == 32
    assert data.digest(0)


def test_links_and_loops(tmp_path):
    plant(tmp_path, "here/cat/1.png", "here/dog/1.png", "there/2.png")
    root = tmp_path / "here"
    (root / "cat/loop").symlink_to(root)
    (root / "cat/me").symlink_to(root / "cat")
    (root / "dog/more").symlink_to(tmp_path / "there")
    (tmp_path / "there/back").symlink_to(root / "dog")
    plant(tmp_path, "elsewhere/3.png")
    (root / "bird").symlink_to(tmp_path / "elsewhere")
    (root / "cat/self.png").symlink_to(root / "cat/self.png")
    (root / "cat/dangling.png").symlink_to(root / "nowhere.png")
    (root / "dog/folder.png").mkdir()
    data = open_folder(root)
    assert data.classes == ("bird", "cat", "dog")
    assert "cat/loop" in " ".join(data.notes)
    assert "cat/me" in " ".join(data.notes)
    assert sorted(name for name in ids(data) if name.startswith("dog")) == [
        "dog/1.png",
        "dog/folder.png",
        "dog/more/2.png",
    ]
    reasons = {}
    for index, name in enumerate(ids(data)):
        try:
            data.read(index)
        except ImageError as error:
            reasons[name] = error.message
            with pytest.raises(ImageError):
                data.digest(index)
    assert reasons == {
        "cat/self.png": "is a link that leads back to itself",
        "cat/dangling.png": "is a link to a file that does not exist",
        "dog/folder.png": "is a folder, though it has the name of an image",
    }


@pytest.mark.parametrize(
    ("names", "message", "remedy"),
    [
        ([], "is empty", "one folder a class"),
        (["1.png", "2.png"], "2 images in no class folder", "one folder a class"),
        (["1.png", "labels.csv"], "1 image in no class folder", "labels.csv"),
        (["train/1.png", "val/2.png"], "folders train/, val/; 2 images", "one folder a class"),
        (["a/notes.txt"], "folders a/; 1 .txt", "one folder a class"),
        (["photos/cat/1.png", "photos/dog/1.png"], "holds cat/, dog/", "photos instead"),
    ],
)
def test_no_class_folders(tmp_path, names, message, remedy):
    plant(tmp_path, *(name for name in names if name.endswith("png")))
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    assert caught.value.where == str(tmp_path)


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    plant(tmp_path, "cat/1.png", "dog/1.png")
    scan = os.scandir

    def refuse(path):
        if b"dog" in os.fsencode(path):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DataError, match="cannot be listed: Permission denied") as caught:
        open_folder(tmp_path)
    assert caught.value.where.endswith("dog")


def test_channels_are_told_from_the_files(tmp_path):
    plant(tmp_path / "gray", "a/1.png", "b/1.jpg", mode="L")
    assert open_folder(tmp_path / "gray").channels == 1
    plant(tmp_path / "mixed", "a/1.png", mode="L")
    plant(tmp_path / "mixed", "b/1.png")
    mixed = open_folder(tmp_path / "mixed")
    assert mixed.channels == 3
    assert [example.image.shape[2] for example in mixed] == [3, 3]
    for name in ("many/a", "many/b"):
        (tmp_path / name).mkdir(parents=True)
        np.save(tmp_path / name / "1.npy", np.zeros((7, 5, 6), np.uint8))
    many = open_folder(tmp_path / "many")
    assert many.channels == 6
    assert many[1].image.shape == (7, 5, 6)


def test_a_set_survives_pickling(tmp_path):
    plant(tmp_path, "cat/1.png", "dog/1.png")
    data = open_folder(tmp_path)
    copy = pickle.loads(pickle.dumps(data))
    assert copy.fingerprint == data.fingerprint
    np.testing.assert_array_equal(copy[1].image, data[1].image)


def test_many_files_are_listed_fast(tmp_path):
    """Half a million files a minute would be slow; here it has to be far below that."""
    plant(tmp_path, "a/first.png", "b/first.png")
    for name in "ab":
        for number in range(5000):
            (tmp_path / name / f"{number}.jpg").touch()
    start = time.process_time()
    data = open_folder(tmp_path)
    assert len(data) == 10_002
    assert time.process_time() - start < 1.2

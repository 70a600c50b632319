from __future__ import annotations

import os
import time

import numpy as np
import pytest
from PIL import Image

from vitreous.data.dataset import Part
from vitreous.data.formats import mask_files
from vitreous.data.formats.open import open
from vitreous.errors import DataError

rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own(place):
    """A cache for each test."""


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def pair(root, name, mask, images="images", masks="masks", ending="png"):
    mask = np.asarray(mask, np.uint8)
    save(root / images / f"{name}.jpg", rng.integers(0, 256, (*mask.shape, 3), np.uint8))
    save(root / masks / f"{name}.{ending}", mask)


def drawn(low, high, shape=(6, 8)):
    return rng.integers(low, high, shape, np.uint8)


@pytest.mark.parametrize(
    ("images", "masks"), [("images", "masks"), ("image", "label"), ("Image", "mask")]
)
def test_pairs_by_name(tmp_path, images, masks):
    expected = [drawn(0, 3) for _ in range(4)]
    for number, mask in enumerate(expected):
        pair(tmp_path / "set", f"deep/{number}", mask, images, masks)
    data = open(tmp_path / "set")
    assert [data.id(n) for n in range(4)] == [f"{images}/deep/{n}.jpg" for n in range(4)]
    assert data.classes == ("0", "1", "2")
    assert data.channels == 3
    assert (data.parts == Part.UNASSIGNED).all()
    column = data.targets["mask"]
    for number, mask in enumerate(expected):
        np.testing.assert_array_equal(data[number].target, mask)
        assert column.source(number) == str(tmp_path / "set" / masks / f"deep/{number}.png")
    assert data.notes == ("masks show the classes 0 to 2, which have no names",)


def test_parts_above(tmp_path):
    for part, count in (("train", 3), ("val", 2), ("test", 1)):
        for number in range(count):
            pair(tmp_path / "set" / part, str(number), drawn(0, 2))
    data = open(tmp_path / "set")
    train, validation, test = Part.TRAIN, Part.VALIDATION, Part.TEST
    assert sorted(data.parts.tolist()) == [train] * 3 + [validation] * 2 + [test]
    assert data.id(int(np.flatnonzero(data.parts == test)[0])) == "test/images/0.jpg"


def test_black_and_white_are_two_classes(tmp_path):
    mask = drawn(0, 2) * np.uint8(255)
    pair(tmp_path / "set", "a", mask)
    pair(tmp_path / "set", "b", 255 - mask)
    data = open(tmp_path / "set")
    assert data.classes == ("background", "foreground")
    assert data.notes == ("masks are black and white: background, foreground",)
    np.testing.assert_array_equal(data[0].target, mask // 255)
    assert data.targets["mask"].counts().tolist() == [2, 2]


def test_255_beside_other_numbers_is_ignored(tmp_path):
    mask = drawn(0, 2)
    mask[0] = 255
    pair(tmp_path / "set", "a", mask)
    data = open(tmp_path / "set")
    assert data.classes == ("0", "1")
    np.testing.assert_array_equal(data[0].target, mask)


@pytest.mark.parametrize("name", ["classes.txt", "codes.txt"])
def test_classes_are_named_by_a_file(tmp_path, name):
    pair(tmp_path / "set", "a", drawn(0, 2))
    (tmp_path / "set" / name).write_text("sky\ntree\nroad\n\n")
    data = open(tmp_path / "set")
    assert data.classes == ("sky", "tree", "road")
    assert data.notes == (f"3 classes of masks, named by {tmp_path}/set/{name}",)
    pair(tmp_path / "set", "a", drawn(0, 2) * 255)  # black and white, of two named classes
    (tmp_path / "set" / name).write_text("sky\ntree\n")
    two = open(tmp_path / "set")
    assert two.classes == ("sky", "tree")
    assert set(np.unique(two[0].target)) == {0, 1}


@pytest.mark.parametrize("text", ["", "\n", "a\n\nb\n", "a\na\n"])
def test_names_that_are_none(tmp_path, text):
    pair(tmp_path / "set", "a", drawn(0, 2))
    (tmp_path / "set/classes.txt").write_text(text)
    with pytest.raises(DataError, match="empty lines, or a name twice"):
        open(tmp_path / "set")


def test_what_has_no_partner_is_said(tmp_path):
    for name in "ab":
        pair(tmp_path / "set", name, drawn(0, 2))
    for number in range(5):
        save(tmp_path / f"set/images/x{number}.png", drawn(0, 255, (6, 8, 3)))
    save(tmp_path / "set/masks/alone.png", drawn(0, 2))
    data = open(tmp_path / "set")
    assert len(data) == 2
    assert data.notes[:2] == (
        "files without a mask, left out: 5 files, such as images/x0.png, images/x1.png, "
        "images/x2.png and 2 more",
        "files that belong to no image, left out: 1 file, such as masks/alone.png",
    )
    for name in "ab":
        os.remove(tmp_path / f"set/masks/{name}.png")
    with pytest.raises(DataError, match="no image has a mask of its name; files without"):
        open(tmp_path / "set")


def test_names_may_end_in_a_word(tmp_path):
    save(tmp_path / "set/images/a.png", drawn(0, 255, (6, 8, 3)))
    save(tmp_path / "set/masks/a_mask.png", drawn(0, 2))
    assert len(open(tmp_path / "set")) == 1
    save(tmp_path / "set/masks/a.png", drawn(0, 2))
    with pytest.raises(DataError, match=r"a\.png and masks/a_mask\.png have one name"):
        open(tmp_path / "set")


def test_masks_of_colors_are_refused(tmp_path):
    for name in "ab":
        pair(tmp_path / "set", name, drawn(0, 2))
        save(tmp_path / f"set/masks/{name}.png", drawn(0, 255, (6, 8, 3)))
    with pytest.raises(DataError, match="none of the 2 masks can be read; the first holds colors"):
        open(tmp_path / "set")


def test_masks_that_show_nothing(tmp_path):
    pair(tmp_path / "set", "a", np.full((2, 2), 255))
    with pytest.raises(DataError, match="all pixels of all masks are 255"):
        open(tmp_path / "set")


def test_masks_are_looked_at_once(tmp_path, monkeypatch):
    for number in range(3):
        pair(tmp_path / "set", str(number), drawn(0, number + 2))
        for path in (tmp_path / "set/masks").iterdir():
            os.utime(path, (time.time() - 100,) * 2)
    first = open(tmp_path / "set")
    assert first.classes == ("0", "1", "2", "3")
    reads = []
    original = mask_files.read_mask
    monkeypatch.setattr(mask_files, "read_mask", lambda path: reads.append(path) or original(path))
    again = open(tmp_path / "set")
    assert again.classes == first.classes
    assert again.targets["mask"].counts().tolist() == first.targets["mask"].counts().tolist()
    assert reads == []
    pair(tmp_path / "set", "1", drawn(5, 6))
    assert open(tmp_path / "set").classes == tuple("012345")
    assert [os.path.basename(path) for path in reads] == ["1.png"]


def test_counts_say_how_many_images_show_a_class(tmp_path):
    masks = [[[0, 1]], [[0, 0]], [[2, 255]]]
    for number, mask in enumerate(masks):
        pair(tmp_path / "set", str(number), mask)
    column = open(tmp_path / "set").targets["mask"]
    assert column.counts().tolist() == [2, 1, 1]
    assert column.summaries["size"].tolist() == [[1, 2]] * 3
    assert column.summaries["counts"][2, [0, 2, 255]].tolist() == [0, 1, 1]
    assert column.take(np.array([2, 1])).counts().tolist() == [1, 0, 1]


def test_folders_named_alike_without_images_are_class_folders(tmp_path):
    for name in ("images", "label"):  # no pair of words
        save(tmp_path / f"set/{name}/1.png", drawn(0, 255, (6, 8, 3)))
    assert open(tmp_path / "set").classes == ("images", "label")

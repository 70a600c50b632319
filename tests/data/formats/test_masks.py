from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from vitreous.data.batches.pack import key
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.cache import file_cache
from vitreous.data.dataset import Part
from vitreous.data.formats import mask_files, masks
from vitreous.data.formats.open import open
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError, ImageError

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
    said, shown = data.notes
    assert said == f"images and their masks lie in {images}/ with {masks}/"
    assert shown.startswith(
        "masks show the classes 0 to 2, which have no names; a file classes.txt"
    )


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
    assert data.notes[1:] == ("masks are black and white: background, foreground",)
    np.testing.assert_array_equal(data[0].target, mask // 255)
    assert data.targets["mask"].counts().tolist() == [2, 2]


def test_one_white_pixel_in_many_masks_is_found(tmp_path):
    """Of named classes a sample is looked at, and 76 is none of these; of two, all masks."""
    for number in range(150):
        pair(tmp_path, f"{number:03}", [[0, 255 * (number == 76)]])
    (tmp_path / "classes.txt").write_text("good\nscratch")
    column = open(tmp_path).targets["mask"]
    assert column.classes == ("good", "scratch")
    assert column.counts().tolist() == [150, 1]


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
    assert data.notes[1:] == (f"3 classes of masks, named by {tmp_path}/set/{name}",)
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
    assert data.notes[1:3] == (
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


def test_masks_of_many_colors_without_a_table_are_refused(tmp_path):
    for name in "ab":
        pair(tmp_path / "set", name, drawn(0, 2, (16, 16)))
        save(tmp_path / f"set/masks/{name}.png", drawn(0, 255, (16, 16, 3)))
    with pytest.raises(DataError, match="none of the 2 masks can be read; the first holds colors"):
        open(tmp_path / "set")


def test_values_with_gaps_are_classes_by_their_names(tmp_path):
    values = np.array([[0, 50, 100], [100, 255, 0]], np.uint8)
    pair(tmp_path / "set", "a", values)
    pair(tmp_path / "set", "b", np.full((2, 3), 50))
    data = open(tmp_path / "set")
    assert data.classes == ("0", "50", "100")
    assert "masks show the values 0, 50, 100, which are taken for 3 classes" in data.notes[1]
    assert data[0].target.tolist() == [[0, 1, 2], [2, 255, 0]]
    assert data.targets["mask"].counts().tolist() == [1, 2, 1]
    column = data.targets["mask"]
    pair(tmp_path / "set", "b", np.full((2, 3), 7))  # which was not there when they were opened
    with pytest.raises(ImageError, match="has pixels of class 254, but there are 3 classes"):
        column.row(1, Frame.identity((2, 3)))


def test_black_and_white_with_shades_between_are_refused(tmp_path):
    mask = drawn(0, 2, (40, 40)) * np.uint8(255)
    mask[3, :30] = np.arange(100, 250, 5)
    pair(tmp_path / "set", "a", mask)
    with pytest.raises(
        DataError, match="black and white, but for 30 pixels of 30 shades"
    ) as caught:
        open(tmp_path / "set")
    assert "below 128 black" in caught.value.remedy
    pair(
        tmp_path / "set",
        "a",
        np.arange(250).reshape(10, 25) + (np.arange(250) > 30).reshape(10, 25),
    )
    with pytest.raises(DataError, match="masks show 250 different values: shades"):
        open(tmp_path / "set")
    few = np.zeros((40, 40), np.uint8)
    few[0, :9], few[1] = np.arange(9), 255  # many small classes beside the ignored border
    pair(tmp_path / "set", "a", few)
    assert len(open(tmp_path / "set").classes) == 9


def test_deep_masks_hold_numbers_of_classes(tmp_path):
    mask = drawn(0, 3)
    pair(tmp_path / "set", "a", mask)
    save(tmp_path / "set/masks/a.png", mask.astype(np.uint16))
    np.testing.assert_array_equal(open(tmp_path / "set")[0].target, mask)
    save(tmp_path / "set/masks/a.png", mask.astype(np.uint16) + 300)
    with pytest.raises(DataError, match="holds numbers from 300 to 302"):
        open(tmp_path / "set")


def test_few_colors_without_a_table_are_classes(tmp_path):
    colors = np.array([[0, 0, 0], [128, 64, 128], [64, 0, 128]], np.uint8)
    expected = [drawn(0, 2), drawn(0, 3)]
    for name, numbers in zip("ab", expected, strict=True):
        pair(tmp_path / "set", name, numbers)
        save(tmp_path / f"set/masks/{name}.png", colors[numbers])
    data = open(tmp_path / "set")
    assert data.classes == ("0 0 0", "64 0 128", "128 64 128")
    assert "drawn in 3 colors, which are taken for the classes: 0 0 0, 64 0 128" in data.notes[1]
    for index, numbers in enumerate(expected):
        np.testing.assert_array_equal(data[index].target, np.array([0, 2, 1])[numbers])


def test_masks_that_show_nothing(tmp_path):
    pair(tmp_path / "set", "a", np.full((2, 2), 255))
    with pytest.raises(DataError, match="all pixels of all masks are 255"):
        open(tmp_path / "set")


def test_masks_are_looked_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(file_cache, "MIN_AGE", -1)  # so that files count as old
    for number in range(3):
        pair(tmp_path / "set", str(number), drawn(0, number + 2))
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
    assert open(tmp_path / "set").classes == tuple("01235")
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


@pytest.mark.parametrize("behind", ["annot", "_labels", "_masks", "-mask", "gt"])
def test_folders_of_masks_beside_the_parts(tmp_path, behind):
    root = tmp_path / "set"
    for part, count in (("train", 3), ("val", 2), ("test", 1)):
        for number in range(count):
            pair(root, f"{number}", drawn(0, 3), part, part + behind)
    data = open(root)
    parts = [Part.TRAIN] * 3 + [Part.VALIDATION] * 2 + [Part.TEST]
    assert data.parts.tolist() == parts
    assert [data.id(0), data.id(5)] == ["train/0.jpg", "test/0.jpg"]
    assert data.targets["mask"].source(5) == str(root / f"test{behind}/0.png")
    assert data.notes[0] == (
        f"images and their masks lie in train/ with train{behind}/, val/ with val{behind}/, "
        f"test/ with test{behind}/"
    )


def test_a_part_without_masks_is_said(tmp_path):
    pair(tmp_path / "set", "a", drawn(0, 2), "train", "trainannot")
    save(tmp_path / "set/test/a.png", drawn(0, 255, (6, 8, 3)))
    data = open(tmp_path / "set")
    assert len(data) == 1
    assert data.notes[1] == "test/ has no folder of masks, and is left out"


def test_parts_within_both_folders(tmp_path):
    for name in ("train/a", "train/b", "val/a"):
        pair(tmp_path / "set", name, drawn(0, 2), "images", "labels")
    assert open(tmp_path / "set").parts.tolist() == [Part.TRAIN, Part.TRAIN, Part.VALIDATION]


def test_folders_of_texts_hold_no_masks(tmp_path):
    save(tmp_path / "set/images/a.png", drawn(0, 255, (6, 8, 3)))
    (tmp_path / "set/labels").mkdir()
    (tmp_path / "set/labels/a.txt").write_text("0 0.5 0.5 1 1")
    assert not masks.is_masks(tmp_path / "set", {"images", "labels"})


@pytest.mark.parametrize("mark", ["_L", "_P", "_mask", "-label", "_labelIds"])
def test_marks_of_masks(tmp_path, mark):
    for name in ("a", "b_L"):  # an image may have the mark itself
        save(tmp_path / f"set/images/{name}.png", drawn(0, 255, (6, 8, 3)))
        save(tmp_path / f"set/masks/{name}{mark}.png", drawn(0, 2))
    data = open(tmp_path / "set")
    names = [os.path.basename(data.targets["mask"].source(n)) for n in range(2)]
    assert names == [f"a{mark}.png", f"b_L{mark}.png"]


def test_numbers_that_are_no_class(tmp_path):
    mask = np.array([[0, 1, 2, 3], [3, 2, 1, 0]], np.uint8)
    pair(tmp_path / "set", "a", mask)
    (tmp_path / "set/classes.txt").write_text("sky\n-\nroad\nVoid\n")
    data = open(tmp_path / "set")
    assert data.classes == ("sky", "road")
    assert data.notes[1].endswith("classes.txt; 1 and 3 ignored")
    expected = [[0, 255, 1, 255], [255, 1, 255, 0]]
    np.testing.assert_array_equal(data[0].target, expected)
    counts = data.targets["mask"].summaries["counts"][0]
    assert counts[[0, 1, 255]].tolist() == [2, 2, 4]
    pair(tmp_path / "set", "a", mask + 2)  # a value beyond the names stays an error
    frame = Frame.identity(mask.shape)
    with pytest.raises(ImageError, match="pixels of class 4, but there are 2 classes"):
        open(tmp_path / "set").targets["mask"].row(0, frame)
    (tmp_path / "set/classes.txt").write_text("-\n-\n")
    with pytest.raises(DataError, match="empty lines"):
        open(tmp_path / "set")


def test_a_new_meaning_of_the_values_is_a_new_pack(tmp_path):
    pair(tmp_path / "set", "a", drawn(0, 3))
    contract = PixelContract(height=8, width=8, channels=3, exact=True)
    keys = set()
    for text in ("a\nb\nc\n", "a\nb\n-\nc\n", "a\n-\nb\nc\n"):
        (tmp_path / "set/classes.txt").write_text(text)
        keys.add(key(open(tmp_path / "set"), contract))
    assert len(keys) == 3


def test_camvid_names_its_classes(tmp_path):
    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for name in ("CamVid", "other"):
        pair(tmp_path / name, "a", mask, "train", "trainannot")
    data = open(tmp_path / "CamVid")
    assert len(data.classes) == 11
    assert (data.classes[0], data.classes[10]) == ("sky", "bicyclist")
    assert data[0].target.tolist()[2] == [8, 9, 10, 255]
    assert "masks show the 12 numbers of CamVid" in data.notes[1]
    assert len(open(tmp_path / "other").classes) == 12


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("colors.txt", "0 0 0 void\n128 64 128\troad\n\n64 0 128   big car\n"),
        ("label_colors.txt", "0,0,0,void\n128,64,128,road\n64,0,128,big car\n"),
        ("class_dict.csv", "name, r, g, b\nvoid,0,0,0\nroad,128,64,128\nbig car,64,0,128\n"),
    ],
)
def test_masks_of_colors(tmp_path, name, text):
    colors = np.array([[0, 0, 0], [128, 64, 128], [64, 0, 128]], np.uint8)
    numbers = drawn(0, 3)
    root = tmp_path / "set"
    pair(root, "a", numbers)
    save(root / "masks/a.png", colors[numbers])
    (root / name).write_text(text)
    data = open(root)
    assert data.classes == ("road", "big car")
    expected = np.array([255, 0, 1])[numbers]
    np.testing.assert_array_equal(data[0].target, expected)
    assert data.notes[1] == f"2 classes of masks, by the colors in {root}/{name}; 0 ignored"
    shown = data.targets["mask"].summaries["counts"][0]
    assert shown[[0, 1, 255]].tolist() == [(expected == n).sum() for n in (0, 1, 255)]
    wrong = colors[numbers]
    wrong[0, 0] = 1, 2, 3
    save(root / "masks/a.png", wrong)
    with pytest.raises(ImageError, match="1 pixels of colors without a class, such as 1 2 3"):
        open(root).targets["mask"].read(0)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0 0 0 void\n1 2 road\n", r"is no color and name"),
        ("0 0 0 void\n1 2 256 road\n", r"is no color and name"),
        ("0 0 0 a\n0 0 0 b\n", "a name or a color twice"),
        ("", "is empty"),
    ],
)
def test_tables_of_colors_that_are_none(tmp_path, text, match):
    root = tmp_path / "set"
    pair(root, "a", drawn(0, 2))
    save(root / "masks/a.png", drawn(0, 255, (6, 8, 3)))
    (root / "colors.txt").write_text(text)
    with pytest.raises(DataError, match=match):
        open(root)


def test_a_table_of_colors_says_nothing_about_numbers(tmp_path):
    pair(tmp_path / "set", "a", drawn(0, 2))
    (tmp_path / "set/colors.txt").write_text("0 0 0 void\n128 64 128 road\n")
    data = open(tmp_path / "set")
    assert data.classes == ("0", "1")
    assert "colors.txt is not used" in data.notes[1]

"""YOLO's layout: data.yaml or folders, boxes and outlines, and errors with file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vitreous.data.boxes import Boxes
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.open import open
from vitreous.data.maps import Maps
from vitreous.data.splits.split import split
from vitreous.errors import DataError
from vitreous.tasks.asked import as_asked

BOX = "1 0.5 0.5 0.25 0.2\n"
OUTLINE = "0 0.25 0.2 0.75 0.2 0.75 0.8 0.25 0.8\n"


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (9, 99, len(path.name))).save(path)


def label(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def plant(root: Path, *parts: str, count: int = 2, text: str = BOX) -> None:
    for part in parts:
        for number in range(count):
            image(root / part / "images" / f"{number}.jpg")
            label(root / part / "labels" / f"{number}.txt", text)


def boxes(data: Dataset) -> Boxes:
    column = data.targets["box"]
    assert isinstance(column, Boxes)
    return column


@pytest.mark.parametrize(
    "text",
    [
        "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\n",
        "path: .\ntrain: train/images  # here\nval: [valid/images]\nnames:\n  0: cat\n  1: dog\n",
        "train: /content/set/train/images\nval: /content/set/valid/images\nnames:\n- cat\n- dog\n",
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_yaml_names_classes_and_parts(tmp_path: Path, text: str, named: bool) -> None:
    plant(tmp_path, "train", "valid")
    path = label(tmp_path / "data.yaml", text)
    data = open(path if named else tmp_path)
    assert [data.id(k) for k in range(4)] == [
        f"{part}/images/{k}.jpg" for part in ("train", "valid") for k in range(2)
    ]
    assert data.parts.tolist() == [Part.TRAIN] * 2 + [Part.VALIDATION] * 2
    assert data.classes == ("dog",)
    assert data[0].target.tolist() == [[15, 12, 25, 18, 0]]
    assert "classes of which there is none, left out: 1: cat" in data.notes


def test_lists_of_images_and_absolute_paths(tmp_path: Path) -> None:
    plant(tmp_path, ".", count=3)
    label(tmp_path / "train.txt", "./images/0.jpg\n\nimages/1.jpg\n")
    label(tmp_path / "val.txt", f"{tmp_path}/images/2.jpg\n")
    text = f"path: {tmp_path}\ntrain: train.txt\nval: val.txt\nnames: [cat, dog]\n"
    data = open(label(tmp_path / "data.yaml", text))
    assert data.parts.tolist() == [Part.TRAIN, Part.TRAIN, Part.VALIDATION]
    assert data.id(2) == "images/2.jpg"
    label(tmp_path / "val.txt", "images/2.jpg\nimages/9.jpg\n")
    with pytest.raises(DataError, match=r"lists images/9\.jpg, which is not there") as caught:
        open(tmp_path)
    assert str(caught.value.where).endswith("val.txt, line 2")
    label(tmp_path / "val.txt", "images/1.jpg\n")
    with pytest.raises(DataError, match="in the validation and the training part"):
        open(tmp_path)


def test_folders_without_a_yaml(tmp_path: Path) -> None:
    for part in ("train", "val"):
        image(tmp_path / "images" / part / "1.jpg")
        label(tmp_path / "labels" / part / "1.txt", BOX)
    data = open(tmp_path)
    assert data.parts.tolist() == [Part.TRAIN, Part.VALIDATION]
    assert data.classes == ("1",)
    assert any("classes have no names" in note for note in data.notes)
    label(tmp_path / "classes.txt", "cat\ndog\n")
    assert open(tmp_path).classes == ("dog",)


def test_absent_and_empty_files_mean_that_nothing_is_there(tmp_path: Path) -> None:
    plant(tmp_path, ".", count=4)
    label(tmp_path / "labels/1.txt", "\n")
    (tmp_path / "labels/2.txt").unlink()
    label(tmp_path / "labels/9.txt", BOX)
    data = open(tmp_path)
    assert boxes(data).sizes.tolist() == [1, 0, 0, 1]
    assert "images without a file of labels, taken to show nothing: 1: images/2.jpg" in data.notes
    assert "files of labels without an image, left out: 1: labels/9.txt" in data.notes
    for path in (tmp_path / "labels").iterdir():
        path.rename(path.with_suffix(".text"))
    label(tmp_path / "data.yaml", "train: images\nnames: [cat, dog]\n")
    with pytest.raises(DataError, match="has no labels for any of 4 images"):
        open(tmp_path)


def test_labels_beside_images(tmp_path: Path) -> None:
    image(tmp_path / "shots/1.jpg")
    label(tmp_path / "shots/1.txt", BOX)
    data = open(label(tmp_path / "data.yaml", "train: shots\nnames: [cat, dog]\n"))
    assert boxes(data).sizes.tolist() == [1]


def test_a_turned_photo_is_labeled_as_it_is_seen(tmp_path: Path) -> None:
    plant(tmp_path, ".", count=1)
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in ("jpg", "png", "webp", "tif"):
        (tmp_path / "images").joinpath("0.jpg").unlink(missing_ok=True)
        for path in (tmp_path / "images").iterdir():
            path.unlink()
        Image.new("RGB", (40, 30)).save(tmp_path / f"images/0.{suffix}", exif=exif)
        data = open(tmp_path)
        assert data[0].image.shape[:2] == (40, 30)
        np.testing.assert_allclose(data[0].target, [[11.25, 16, 18.75, 24, 0]], rtol=1e-6)


def test_outlines_are_boxes_and_masks(tmp_path: Path) -> None:
    plant(tmp_path, ".", text=BOX + OUTLINE)
    label(tmp_path / "labels/1.txt", "1 0.4 0.4 0.5 0.4 0.5 0.5 0.4 0.5\n" + OUTLINE)
    label(tmp_path / "classes.txt", "cat\ndog\n")
    data = open(tmp_path)
    assert data[0].target.tolist() == [[15, 12, 25, 18, 1], [10, 6, 30, 24, 0]]
    masks = as_asked(data, "segment")
    column = masks.targets["mask"]
    assert isinstance(column, Maps)
    assert column.classes == ("background", "cat", "dog")
    first, second = np.zeros((2, 30, 40), np.uint8)
    first[6:24, 10:30] = 1
    first[12:18, 15:25] = 255  # a box alone does not tell which of its pixels
    second[6:24, 10:30] = 1
    second[12:15, 16:20] = 2
    np.testing.assert_array_equal(column.read(0), first)
    np.testing.assert_array_equal(column.read(1), second)
    assert "things without an outline, their boxes ignored: 1: 0.txt, line 1" in masks.notes


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 0.5 0.5 0.25", "has 4 numbers"),
        ("1 0.5 0.5 0.25 0.2 0.9", "has 6 numbers"),
        ("1 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "has 8 numbers"),
        ("2 0.5 0.5 0.25 0.2", "has the class 2"),
        ("-1 0.5 0.5 0.25 0.2", "has the class -1"),
        ("0.5 0.5 0.5 0.25 0.2", "has the class 0.5"),
        ("1 320 240 50 40", "places far outside of the image"),
        ("1 0.5 0.5 -0.25 0.2", "a width or height below 0"),
        ("1 0.5 nan 0.25 0.2", "holds '1 0.5 nan 0.25 0.2'"),
        ("cat 0.5 0.5 0.25 0.2", "holds 'cat"),
    ],
)
def test_lines_that_mean_nothing_are_errors(tmp_path: Path, line: str, message: str) -> None:
    plant(tmp_path, ".")
    label(tmp_path / "classes.txt", "cat\ndog\n")
    path = label(tmp_path / "labels/1.txt", f"{BOX}{line}\n")
    with pytest.raises(DataError, match=message) as caught:
        open(tmp_path)
    assert caught.value.where == f"{path}, line 2"
    assert caught.value.remedy


def test_boxes_that_reach_beyond_are_cut_and_said(tmp_path: Path) -> None:
    plant(tmp_path, ".")
    label(
        tmp_path / "labels/1.txt", "0 0.5 0.5 1.5 1\n0 1.5 0.5 0.2 0.2\n0 0.5 0.5 0 0.2\n" + BOX * 2
    )
    data = open(tmp_path)
    assert data[1].target.tolist() == [[0, 0, 40, 30, 0], [15, 12, 25, 18, 1]]
    assert [note for note in data.notes if "boxes" in note] == [
        "boxes beyond an edge of their image, cut there: 1: 1.txt, line 1",
        "boxes outside their image, left out: 1: 1.txt, line 2",
        "boxes without area, left out: 1: 1.txt, line 3",
        "boxes that stand there twice, left out once: 1: 1.txt, line 5",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: images\nnames: [cat, dog\n", "cannot be read"),
        ("train: images\ntrain: images\nnames: [cat, dog]\n", "'train' is given twice"),
        ("train: nowhere\nnames: [cat, dog]\n", "has train: nowhere, which is not there"),
        ("train: images\nnc: 3\nnames: [cat, dog]\n", "says nc: 3 and names 2 classes"),
        ("train: images\nnames: {0: cat, 2: dog}\n", "a class without a name"),
        ("train: images\nnames: {cat: 0}\n", "keys are no numbers"),
        ("train: images\nnames: [cat, cat]\n", "a name twice"),
        ("train: images\nnames: [cat, yes]\n", "a class without a name"),
        ("train: {a: b}\nnames: [cat]\n", "has train"),
        ("train: images\nnames: [cat]\nkpt_shape: [17, 3]\n", "key points, which are not read"),
        ("train: &a images\nval: *a\nnames: [cat]\n", "refer to others"),
    ],
)
def test_what_a_yaml_must_not_say(tmp_path: Path, text: str, message: str) -> None:
    plant(tmp_path, ".")
    path = label(tmp_path / "data.yaml", text)
    with pytest.raises(DataError, match=message) as caught:
        open(tmp_path)
    assert caught.value.where == str(path)
    assert caught.value.remedy


@pytest.mark.parametrize("task", ["locate", "segment"])
def test_what_split_writes_reads_back_the_same(tmp_path: Path, task: str) -> None:
    plant(tmp_path, ".", count=12)
    for number in range(0, 12, 2):
        label(tmp_path / f"labels/{number}.txt", OUTLINE)
    data = as_asked(open(tmp_path), task)
    parts = split(data)
    parts.write(tmp_path / "split.csv", data)
    again = open(tmp_path / "split.csv")
    ((name, column),) = data.targets.items()
    assert again.targets[name].classes == column.classes
    assert again.targets[name].content() == column.content()
    assert again.parts.tolist() == parts.parts.tolist()


@given(data=st.data())
@settings(
    deadline=None,
    derandomize=True,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_damaged_files_give_clear_errors_alone(tmp_path: Path, data: st.DataObject) -> None:
    plant(tmp_path, ".", count=1, text=BOX + OUTLINE)
    files = {"data.yaml": "train: images\nval: images\nnames:\n  0: cat\n  1: dog\n"}
    files["labels/0.txt"] = BOX + OUTLINE
    name = data.draw(st.sampled_from([*files]))
    text = files[name]
    start = data.draw(st.integers(0, len(text)))
    junk = data.draw(st.text(st.sampled_from("0 1.\n-:[]{}&*!\t\0e"), max_size=6))
    files[name] = text[:start] + junk + text[start + data.draw(st.integers(0, 4)) :]
    for place, content in files.items():
        label(tmp_path / place, content)
    error = None
    try:
        open(tmp_path / "data.yaml").text(0)
    except DataError as caught:
        error = caught
    assert error is None or error.remedy

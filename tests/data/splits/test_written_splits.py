"""What `split` writes reads back as the same, whatever names there are."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from vitreous.data.boxes import Boxes
from vitreous.data.class_names import clean
from vitreous.data.columns import ClassNumbers, Column, Marks, Numbers
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.masks import open_masks
from vitreous.data.formats.open import open as open_data
from vitreous.data.manifest_words import FLAGS, SYNONYMS, box_pieces
from vitreous.data.names import Names
from vitreous.data.splits.split import Split, split
from vitreous.errors import DataError

COUNT = 6
AWKWARD = ["red|green", "a;b", "1.5", "-2e-3", '"x"', '"', "a,b", "x\ny", "\\x", "sep=;", "path"]
AWKWARD += ["label", "group", "weight", "point nose", "weights", "is_valid", "A", "a", "#", "=1+1"]
AWKWARD += ["Unnamed: 0", "x\ry", "nan", "0", "1", "b|", ";", "cat dog", *FLAGS, *SYNONYMS]
words = st.one_of(st.sampled_from(AWKWARD), st.text(min_size=1, max_size=6)).map(clean)
names = words.filter(lambda name: name.strip() != "" and "\0" not in name)
several = st.lists(names, min_size=2, max_size=4, unique=True)
thorough = settings(
    deadline=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(COUNT):
        Image.new("RGB", (4, 4), (number * 20, 9, 9)).save(tmp_path / f"{number}.png")
    return tmp_path


def dataset(root: Path, targets: dict[str, Column], **more: object) -> FileDataset:
    paths = Names(f"{number}.png" for number in range(COUNT))
    parts = np.full(COUNT, Part.UNASSIGNED, np.int8)
    return FileDataset(root, paths, targets, parts=parts, **more)


def again(data: Dataset, place: Path) -> Dataset:
    """The data as they are read from what was written."""
    parts = split(data)
    parts.write(place / "split.csv", data)
    found = open_data(place / "split.csv")
    assert found.parts.tolist() == parts.parts.tolist()
    assert [found.source(index) for index in range(len(data))] == [
        os.path.normpath(data.source(index) or "") for index in range(len(data))
    ]
    assert Split.read(place / "split.csv", data).parts.tolist() == parts.parts.tolist()
    return found


@thorough
@given(several, st.lists(st.integers(0, 3), min_size=COUNT, max_size=COUNT))
@example(["red|green", "blue"], [0, 1] * 3)
@example(["1.5", "2.5"], [0, 1] * 3)
@example(["1.0", "2.0"], [0, 1] * 3)
def test_one_label(pictures, classes, numbers):
    shown = sorted({classes[number % len(classes)] for number in numbers})
    place = {name: number for number, name in enumerate(shown)}
    labels = [place[classes[number % len(classes)]] for number in numbers]
    found = again(dataset(pictures, {"class": ClassNumbers(np.array(labels), shown)}), pictures)
    column = found.targets["class"]
    assert isinstance(column, ClassNumbers)
    assert column.classes == tuple(shown)
    assert column.array.tolist() == labels


@thorough
@given(several, st.data())
def test_several_labels(pictures, classes, draw):
    row = st.lists(st.integers(0, 1), min_size=len(classes), max_size=len(classes))
    marks = np.array([draw.draw(row) for _ in range(COUNT)])
    marks[0] = 1  # with exactly one in each row it would be one label
    found = again(dataset(pictures, {"class": Marks(marks, classes)}), pictures)
    column = found.targets["class"]
    assert isinstance(column, Marks)
    assert column.classes == tuple(classes)
    assert column.array.tolist() == marks.tolist()


@thorough
@given(several, st.data())
def test_numbers(pictures, quantities, draw):
    values = st.floats(width=32, allow_nan=False, allow_infinity=False)
    values = st.one_of(st.sampled_from([0.0, 1.0]), values)
    row = st.lists(values, min_size=len(quantities), max_size=len(quantities))
    table = np.array([draw.draw(row) for _ in range(COUNT)], np.float32)
    found = again(dataset(pictures, {"value": Numbers(table, quantities)}), pictures)
    column = found.targets["value"]
    assert isinstance(column, Numbers)
    assert column.names == tuple(quantities)
    np.testing.assert_array_equal(column.array, table)


@thorough
@given(classes=several, draw=st.randoms(use_true_random=False))
@example(classes=["a;b", '"x"', '12" disc', "cat dog"], draw=random.Random(0))
def test_boxes(pictures, classes, draw):
    """Class names stand behind the numbers of each box, and ";" between boxes."""
    classes = sorted(classes)
    count = len(classes)
    tables = [
        [(4 * k, 1, 4 * k + 2.5, 9, draw.randrange(count)) for k in range(draw.randrange(4))]
        for _ in range(COUNT - 1)
    ]
    tables.append([(k, 0, k + 1, 1, k) for k in range(count)])  # each class is somewhere
    data = dataset(
        pictures, {"box": Boxes.of([np.array(t).reshape(-1, 5) for t in tables], classes)}
    )
    if any('";' in name for name in classes):
        with pytest.raises(DataError, match="cannot be written behind a box"):
            again(data, pictures)
        return
    found = again(data, pictures).targets["box"]
    assert found.classes == tuple(classes)
    for mine, theirs in zip(tables, found.gather(np.arange(COUNT)), strict=True):
        np.testing.assert_array_equal(np.array(mine, np.float32).reshape(-1, 5), theirs)


def test_boxes_are_told_apart_by_what_stands_in_quotes():
    cell = 'ignore 1 2 3 4 "a;b"; 5 6 7 8 c;9 9 9 9 12" disc; 1 2 3 4 "x; y"'
    assert box_pieces(cell) == [
        'ignore 1 2 3 4 "a;b"',
        "5 6 7 8 c",
        '9 9 9 9 12" disc',
        '1 2 3 4 "x; y"',
    ]
    assert box_pieces('1 2 3 4 "a; 5 6 7 8 b') == ['1 2 3 4 "a', "5 6 7 8 b"]
    assert box_pieces(" ; ") == []


def test_masks_whose_names_are_awkward(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for number, name in enumerate((" a", "b ", "c;d", 'e"f', "g\nh", "i\\j", "https:", "k,l")):
            image = Image.new("RGB" if folder == "images" else "L", (4, 4))
            image.putpixel((number % 4, number // 4), 1 if folder == "masks" else (1, 2, number))
            image.save(tmp_path / folder / f"{name}.png")
    data = open_masks(tmp_path)
    found = again(data, tmp_path)
    assert found.classes == data.classes
    for index in range(len(data)):
        assert (found.targets["mask"].value(index) == data.targets["mask"].value(index)).all()


def test_class_folders_of_awkward_names(tmp_path):
    for number, name in enumerate(("red|green", "blue", "a;b", "1.5", "x\ny", " z", '"q"')):
        for count in range(4):
            path = tmp_path / "data" / name / f"{count} .png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (number, count, 5)).save(path)
    data = open_data(tmp_path / "data")
    found = again(data, tmp_path)
    assert found.classes == data.classes == ('"q"', "1.5", "a;b", "blue", "red|green", "x\ny", "z")
    assert found.targets["class"].array.tolist() == data.targets["class"].array.tolist()


def test_groups_and_weights(pictures):
    groups = np.array([5, 5, -7, -7, 2**62, 0])
    weights = np.array([0.1, 1 / 3, 1, 0, 1e-7, 12345678], np.float32)
    targets = {"class": ClassNumbers(np.arange(COUNT) % 2, ["a", "b"])}
    found = again(dataset(pictures, targets, groups=groups, weights=weights), pictures)
    assert found.weights.tolist() == weights.tolist()
    assert [*map(found.groups.tolist().index, found.groups.tolist())] == [0, 0, 2, 2, 4, 5]


def test_names_that_need_nothing_are_written_as_they_are(pictures):
    marks = Marks(np.ones((COUNT, 3), np.uint8), ["left eye", "cat", "2"])
    again(dataset(pictures, {"class": marks}), pictures)
    with (pictures / "split.csv").open(newline="") as file:
        assert next(csv.reader(file)) == ["path", "left eye", "cat", "2", "split"]

"""Class names: one spelling wherever they are made, and a doubt where two look like one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vitreous.data.class_names import clean, doubts, numerous
from vitreous.data.formats.arrays import from_arrays
from vitreous.data.formats.manifest import open_manifest
from vitreous.data.formats.open import open as open_data
from vitreous.errors import DataError

IMAGES = np.zeros((4, 5, 6), np.uint8)


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("cat", "cat"),
        ("  cat\t", "cat"),
        ("two  words", "two  words"),
        ("cafe\u0301", "caf\u00e9"),
        ("cat\u200b", "cat"),
        ("\ufeffcat", "cat"),
        ("co\u00adop", "coop"),
        ("\udce9t\udce9", r"\xe9t\xe9"),
        ("\ud83d", r"\ud83d"),
        (None, "None"),
        (3, "3"),
        ("\u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645",) * 2,  # a joiner that is spelling
    ],
)
def test_one_spelling(name, spelling):
    assert clean(name) == spelling


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_cleaning_twice_changes_nothing(name):
    assert clean(clean(name)) == clean(name)
    clean(name).encode()  # no lone surrogates


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Cat", "cat"], "by case alone: Cat, cat"),
        (["01", "1", "1.0", "2"], "how a number is written: 01, 1, 1.0"),
        (["T-shirt", "T shirt", "T_shirt"], "hyphens or characters that nobody sees"),
        (["a\u200db", "ab"], "characters that nobody sees"),
        (["a", "a", "b"], "several classes have one name: a"),
        (["nan", "cat"], "called 'nan'"),
        (["None", "cat"], "called 'None'"),
        (["NA", "cat"], "called 'NA'"),
        (["unlabeled", "cat"], "called 'unlabeled'"),
        (["To_Sort", "cat"], "called 'To_Sort'"),
        (["cat", "dog", "cat,dog"], "'cat,dog' is made of the names of others"),
        (["cat", "dog", "dog / cat"], "'dog / cat' is made of the names of others"),
        (["cat", "dog", "cat+dog"], "'cat+dog' is made of"),
        (["cat", "dog", "cat dog"], "'cat dog' is made of"),
        (["['cat', 'dog']", "['cat']", "['dog']"], "is made of the names of others"),
    ],
)
def test_what_looks_like_an_accident(names, said):
    (doubt,) = doubts(names)
    assert said in doubt
    assert doubt.remedy


@pytest.mark.parametrize(
    "names",
    [
        *(["A", "A-"], ["1-2", "12"], ["none", "some"], ["-1", "1"], []),
        *(["hot", "dog", "hot dog stand"], ["a,b", "a"], ["left", "right", "left-right"]),
    ],
)
def test_what_is_none(names):
    assert not [*doubts(names)]


def test_numbers_that_are_nearly_all_different():
    numbers = [str(number) for number in range(15)]
    assert len([*numerous(numbers, 20, "")]) == 1
    assert not [*numerous(numbers, 40, "")]
    assert not [*numerous([*numbers, "x"], 20, "")]
    assert not [*numerous(numbers[:10], 12, "")]
    (note,) = from_arrays(np.zeros((30, 4, 4), np.uint8), np.arange(30)).notes
    assert "30 images have 30 different labels, all of them numbers" in note


def names_of(place, labels):
    """The data that these labels make in a table, in an array, as names of an array, in folders."""
    for number, label in enumerate(labels):
        Image.new("L", (3, 2), number).save(place / f"{number}.png")
        folder = place / "folders" / str(label).strip("\t")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2), number).save(folder / f"{number}.png")
    rows = "".join(f"{number}.png,{label}\n" for number, label in enumerate(labels))
    (place / "labels.csv").write_text(f"path,label\n{rows}")
    yield open_manifest(place / "labels.csv")
    yield from_arrays(IMAGES, np.array(labels, object))
    yield open_data(place / "folders")


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [
        (["a", "A", "b", "b"], ("A", "a", "b"), "by case alone"),
        (["cafe\u0301", "caf\u00e9", "b", "b"], ("b", "caf\u00e9"), ""),
        (["a", "a\u200b", "b", "b"], ("a", "b"), r"nobody sees were taken out .*'a\\u200b'"),
        (["01", "1", "1.0", "2"], ("01", "1", "1.0", "2"), "how a number is written"),
        (["a", None, "b", "b"], ("None", "a", "b"), "called 'None'"),
        (["a", "nan", "b", "b"], ("a", "b", "nan"), "called 'nan'"),
    ],
)
def test_all_sources_agree(tmp_path, labels, classes, said):
    for data in names_of(tmp_path, labels):
        assert data.classes == classes
        assert re.search(said, " ".join(data.notes))
        assert bool(data.notes) == bool(said)


def test_given_names_are_cleaned_as_well():
    class Given(list):
        classes = (" cat", "cafe\u0301\u200b")

    images = [Image.new("L", (3, 2), number) for number in range(2)]
    data = open_data(Given(zip(images, (0, 1), strict=True)))
    assert data.classes == ("cat", "caf\u00e9")
    assert "nobody sees" in data.notes[0]


@pytest.mark.parametrize("name", ["classes.txt", "colors.txt"])
def test_lists_of_classes_have_to_be_utf8(tmp_path, name):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for number in range(2):
            image = Image.new("RGB", (3, 2))
            image.putpixel((0, 0), (9 * (name == "colors.txt"), 0, 0))
            path = tmp_path / folder / f"{number}.png"
            (image if name == "colors.txt" or folder == "images" else image.convert("L")).save(path)
    color = name == "colors.txt"
    text = (
        "0 0 0 Stra\u00dfe\n9 0 0 cafe\u0301\u200b\n"
        if color
        else "Stra\u00dfe\ncafe\u0301\u200b\n"
    )
    (tmp_path / name).write_bytes(text.encode())
    assert open_data(tmp_path).classes == ("Stra\u00dfe", "caf\u00e9")
    (tmp_path / name).write_bytes(text.encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        open_data(tmp_path)
    (tmp_path / name).write_bytes(text.replace("\u0301\u200b", "").encode("cp1252"))
    with pytest.raises(DataError, match=r"row 1 holds .*in Windows-1252 it would be .*Stra"):
        open_data(tmp_path)

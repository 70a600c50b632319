"""Tables as other programs write them: encodings, separators, quotes, flags, and paths that are
nearly right.
"""

from __future__ import annotations

import gzip
import os

import pytest
from PIL import Image

from vitreous.data.columns import ClassNumbers, Marks
from vitreous.data.dataset import Part
from vitreous.data.doubt import Doubt
from vitreous.data.formats.open import open as open_data
from vitreous.errors import DataError

TRAIN, VALIDATION, TEST = Part.TRAIN, Part.VALIDATION, Part.TEST


@pytest.fixture
def table(tmp_path):
    """Writes a file of that name beside p/0.png to p/3.png and opens it."""
    (tmp_path / "p").mkdir()
    for number in range(4):
        Image.new("RGB", (3, 2), (number, 0, 0)).save(tmp_path / f"p/{number}.png")

    def write(content, name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_data(path)

    return write


TEXT = "path,label\np/0.png,M\u00fcller\np/1.png,Gro\u00df\n"


def test_labels_in_windows_1252(table):
    with pytest.raises(DataError) as caught:
        table(TEXT.encode("cp1252"))
    assert "row 2 holds 'M\\xfcller', which is not UTF-8" in caught.value.message
    assert "in Windows-1252 it would be 'M\u00fcller'" in caught.value.message
    assert "CSV UTF-8" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("path,sch\u00f6n,b\np/0.png,1,0\n", "row 1"),
        ("path,box\np/0.png,1 2 3 4 M\u00fcller\n", "row 2"),
        ("path,label\np/0.png,a\nm\u00fc/1.png,b\n", "row 3"),
    ],
)
def test_other_cells_in_windows_1252(table, text, row):
    with pytest.raises(DataError, match=f"{row} holds .*not UTF-8"):
        table(text.encode("cp1252"))


def test_paths_of_other_bytes_are_paths(table, tmp_path):
    name = b"p/\xe9.png"
    (tmp_path / "p/0.png").rename(tmp_path / "p/x.png")
    os.rename(bytes(tmp_path / "p/x.png"), bytes(tmp_path) + b"/" + name)
    data = table(b"path,label\n" + name + b",a\np/1.png,b\n")
    assert data[0].image.shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (TEXT.encode("utf-16"), "labels.csv", "UTF-16"),
        (TEXT.encode("utf-16-le"), "labels.csv", "UTF-16"),
        (b"PK\3\4" + bytes(40), "labels.xlsx", "an Excel workbook"),
        (b"PK\3\4" + bytes(40), "labels.csv", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0" + bytes(40), "labels.xls", "an old Excel workbook"),
        (b"PAR1" + bytes(40), "labels.csv", "a Parquet file"),
        (gzip.compress(TEXT.encode(), mtime=0), "labels.csv", "a gzip archive"),
        (gzip.compress(TEXT.encode(), mtime=0), "labels.csv.gz", "a gzip archive"),
        (TEXT.encode(), "labels.txt", "is text"),
    ],
)
def test_other_kinds_of_files_are_named(table, content, name, said):
    with pytest.raises(DataError, match=said) as caught:
        table(content, name)
    assert any(word in caught.value.remedy.lower() for word in ("csv", "unpack"))


def test_the_separator_may_be_declared(table):
    data = table("sep=;\r\npath;label\r\np/0.png;a\r\np/1.png;b,c\r\n")
    assert data.classes == ("a", "b,c")
    with pytest.raises(DataError, match="row 4 has 3 cells"):
        table("sep=;\r\npath;label\r\np/0.png;a\r\np/1.png;b;c\r\n")


def test_names_of_labels_do_not_decide_the_separator(table):
    data = table("path,a;b;c;d,e\np/0.png,1,1\np/1.png,0,1\n")
    assert data.classes == ("a;b;c;d", "e")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('path,label\n"p/0.png,a\np/1.png,b\np/2.png,a\n', "row 2 is no CSV: a quote opens"),
        ('path,label\np/0.png,"x"y\n', "row 2 is no CSV"),
        ('path,label\np/0.png,a\n"p/1.png,b\np/2.png,"c\np/3.png,d\n', "row 3"),
    ],
)
def test_the_row_where_a_quote_opens(table, text, said):
    with pytest.raises(DataError, match=said):
        table(text)


def test_rows_are_counted_as_editors_do(table):
    with pytest.raises(DataError, match=r"row 4 \(p/1\.png\) has no label"):
        table('path,label\np/0.png,"a\nb"\np/1.png,\n')


def test_backslashes_suffixes_and_capitals(table, tmp_path):
    data = table("path,label\np\\0.png,a\np/1,b\nP\\..\\p\\2.PNG,a\n p/3.png ,b\n")
    assert [data.id(index) for index in range(4)] == ["p/0.png", "p/1.png", "p/2.png", "p/3.png"]
    said = " ".join(data.notes)
    assert r"1 of 4 paths are read with / instead of \, such as p/0.png for p\0.png" in said
    assert "1 of 4 paths are read with a suffix, such as p/1.png for p/1" in said
    assert "1 of 4 paths are read written with other capitals" in said
    Image.new("RGB", (3, 2)).save(tmp_path / "p/1.jpg")
    doubtful = table("path,label\np/0.png,a\np/1,b\n")
    assert any("1 of 2 files are missing" in note for note in doubtful.notes)


def test_masks_are_found_likewise(table, tmp_path):
    (tmp_path / "m").mkdir()
    for number in range(2):
        Image.new("L", (3, 2), number).save(tmp_path / f"m/{number}.png")
    data = table("path,mask\np/0.png,m\\0.png\np/1.png,m/1\n")
    assert data.targets["mask"].read(1).tolist() == [[1] * 3] * 2
    assert sum("mask: 1 of 2 paths are read" in note for note in data.notes) == 2


def test_where_missing_files_are(table, tmp_path):
    with pytest.raises(DataError, match="2 of 2 files are missing") as caught:
        table("path,label\n0.png,a\n1.png,b\n")
    assert caught.value.remedy.endswith(f"move it to {tmp_path}/p/.")
    (tmp_path / "labels.csv").rename(tmp_path / "p/labels.csv")
    assert open_data(tmp_path / "p/labels.csv").classes == ("a", "b")
    with pytest.raises(DataError) as caught:
        table("path,label\np/0.png,a\np/1.png,b\n", "p/labels.csv")
    assert caught.value.remedy.endswith(f"move it to {tmp_path}/.")


def test_missing_files_weigh_what_they_are(table):
    (note,) = table("path,label\np/0.png,a\nx.png,b\n").notes
    assert isinstance(note, Doubt)
    assert note.severity == "error"


def test_addresses(table):
    with pytest.raises(DataError, match=r"row 2 has the address https://example\.org/0\.png"):
        table("path,label\nhttps://example.org/0.png,a\n")


@pytest.mark.parametrize(
    ("header", "cells", "parts"),
    [
        ("is_valid", ("True", "False", "false"), (VALIDATION, TRAIN, TRAIN)),
        ("Is_Valid", ("1", "0", ""), (VALIDATION, TRAIN, TRAIN)),
        ("is_test", ("yes", "no", "no"), (TEST, TRAIN, TRAIN)),
        ("is_train", ("1", "0", "1"), (TRAIN, TEST, TRAIN)),
        ("is_valid,is_test", ("1,0", "0,1", "0,0"), (VALIDATION, TEST, TRAIN)),
        ("is_valid,split", ("1,train", "0,test", "0,val"), (TRAIN, TEST, VALIDATION)),
    ],
)
def test_flags_of_parts(table, header, cells, parts):
    rows = [f"p/{number}.png,{'ab'[number % 2]},{cell}" for number, cell in enumerate(cells)]
    data = table("\n".join([f"path,label,{header}", *rows]))
    assert tuple(data.parts.tolist()) == parts
    assert any("is_" in note for note in data.notes)


def test_a_flag_that_is_none(table):
    with pytest.raises(DataError, match="row 2 has the is_valid 'maybe'"):
        table("path,label,is_valid\np/0.png,a,maybe\n")


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_row_numbers_of_pandas_are_no_quantity(table, name):
    data = table(f"{name},path,a,b\n0,p/0.png,1,1\n1,p/1.png,0,1\n")
    assert isinstance(data.targets["class"], Marks)
    assert data.classes == ("a", "b")


# One label in the form of several


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("1.0", "0.0")])
def test_columns_with_one_1_in_each_row_are_one_label(table, yes, no):
    rows = [f"p/0.png,{no},{yes}", f"p/1.png,{yes},{no}", f"p/2.png,{no},{yes}"]
    data = table("\n".join(["path,zebra,ant", *rows]))
    column = data.targets["class"]
    assert isinstance(column, ClassNumbers)
    assert [column.text(index) for index in range(3)] == ["ant", "zebra", "ant"]
    assert data.classes == ("ant", "zebra")
    (note,) = data.notes
    assert note.startswith("each row has exactly one 1: one label an image")


@pytest.mark.parametrize("rows", ["1,1 1,0", "0,0 1,0", "1.0,1.0 0.0,1.0"])
def test_other_rows_are_several_labels(table, rows):
    rows = [f"p/{number}.png,{row}" for number, row in enumerate(rows.split())]
    assert isinstance(table("\n".join(["path,a,b", *rows])).targets["class"], Marks)


def test_a_label_without_images_is_said(table):
    data = table("path,a,b,c\np/0.png,1,0,0\np/1.png,0,1,0\n")
    assert data.classes == ("a", "b")
    (note,) = [each for each in data.notes if isinstance(each, Doubt)]
    assert note == "no image has the label c: the model will not know it"
    assert note.severity == "warning"


def test_a_separator_that_divides_nothing(table):
    rows = [f"p/{number}.png,{('n01|tench', 'n02|carp')[number % 2]}" for number in range(4)]
    data = table("\n".join(["path,label", *rows]))
    assert data.classes == ("n01|tench", "n02|carp")
    (note,) = data.notes
    assert isinstance(note, Doubt)
    assert "'n01|tench' is taken for one label" in note


def test_several_labels_are_said(table):
    data = table("path,label\np/0.png,a;b\np/1.png,b\n")
    assert "labels are divided by ';': several labels an image" in data.notes


def test_names_in_quotes_stand_for_themselves(table):
    data = table('path,label\np/0.png,"""a;b"""\np/1.png,b;c\np/2.png,c\n')
    assert data.classes == ("a;b", "b", "c")
    assert data.text(0) == "a;b"
    data = table('path,"""group""","""label"""\np/0.png,1,1\np/1.png,0,1\n')
    assert data.classes == ("group", "label")
    assert data.groups is None

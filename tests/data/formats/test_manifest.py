from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitreous.data.columns import Marks
from vitreous.data.dataset import Part
from vitreous.data.formats.manifest import open_manifest
from vitreous.errors import DataError, ImageError


@pytest.fixture
def table(tmp_path):
    """Writes labels.csv beside four images and opens it."""
    for number in range(4):
        Image.new("RGB", (3, 2), (number, 0, 0)).save(tmp_path / f"{number}.png")

    def write(text, **options):
        path = tmp_path / "labels.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return open_manifest(path, **options)

    return write


def test_path_and_label(table):
    data = table("path,label\n1.png,dog\n0.png,cat\n")
    assert data.classes == ("cat", "dog")
    assert data.targets["class"].array.tolist() == [1, 0]
    assert (data.id(0), data.name, data.channels) == ("1.png", "labels", 3)
    assert data[0].image[0, 0].tolist() == [1, 0, 0]
    assert data.groups is None
    assert data.weights is None
    assert (data.parts == Part.UNASSIGNED).all()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_separator_is_found(table, separator, end, mark):
    rows = [["Label", "Path", "Split"], ["cat", "0.png", "train"], [], ["dog", "1.png", "test"]]
    text = end.join(separator.join(row) for row in rows)
    data = table(mark + text.encode())
    assert data.classes == ("cat", "dog")
    assert data.parts.tolist() == [Part.TRAIN, Part.TEST]


def test_all_columns(table):
    data = table(
        "path,label,split,group,weight\n"
        "0.png,a,train,ann,1\n1.png,b,VAL,bob,0.5\n2.png,a,,ann,\n3.png,b,test,,2\n"
    )
    assert data.parts.tolist() == [Part.TRAIN, Part.VALIDATION, Part.UNASSIGNED, Part.TEST]
    assert data.weights.tolist() == [1, 0.5, 1, 2]
    assert data.groups.dtype == np.int64
    assert data.groups[0] == data.groups[2]
    assert len(set(data.groups.tolist())) == 3


def test_groups_do_not_depend_on_the_order_of_rows(table):
    rows = ["0.png,a,ann", "1.png,b,bob", "2.png,a,ann"]
    one = table("\n".join(["path,label,group", *rows])).groups
    other = table("\n".join(["path,label,group", *rows[::-1]])).groups
    assert one.tolist() == other.tolist()[::-1]


@pytest.mark.parametrize("mark", [";", "|"])
def test_several_labels_in_a_cell(table, mark):
    data = table(f"path,label\n0.png,cat {mark} dog\n1.png,dog\n2.png,bird{mark}cat\n")
    assert isinstance(data.targets["class"], Marks)
    assert data.classes == ("bird", "cat", "dog")
    assert data.targets["class"].array.tolist() == [[0, 1, 1], [0, 0, 1], [1, 1, 0]]
    assert data.targets["class"].array.dtype == np.uint8


def test_a_column_for_each_label(table):
    data = table("path,split,sunny,wet\n0.png,train,1,0\n1.png,test,1,1\n2.png,train,0,0\n")
    assert data.classes == ("sunny", "wet")
    assert data.targets["class"].array.tolist() == [[1, 0], [1, 1], [0, 0]]
    assert data.parts.tolist() == [Part.TRAIN, Part.TEST, Part.TRAIN]


def test_quoted_and_awkward_paths(table, tmp_path):
    (tmp_path / "a, b").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "a, b" / "caf\u00e9.png")
    data = table('path,label\n"a, b/café.png",x\n"./a, b/../0.png",y\n')
    assert (data.id(0), data.id(1)) == ("a, b/caf\u00e9.png", "0.png")
    assert data[1].image.shape == (2, 3, 3)


@pytest.mark.parametrize("odd", ["\u2028", "\u0085", "\x1c", "\x0b"])
def test_only_line_ends_end_a_line(table, tmp_path, odd):
    Image.new("L", (2, 2)).save(tmp_path / f"a{odd}b.png")
    data = table(f'path,label\na{odd}b.png,cat\n"1.png","x{odd}y"\n')
    assert (data.id(0), data.classes) == (f"a{odd}b.png", ("cat", f"x{odd}y"))


def test_absolute_paths(table, tmp_path):
    assert table(f"path,label\n{tmp_path}/0.png,a\n1.png,b\n")[0].image.shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("path,label\n", "has a header and no rows"),
        ("0.png,cat\n1.png,dog\n", "has no column 'path'; its columns are 0.png, cat"),
        ("filename,label\n0.png,a\n", "a column 'filename' and no column 'path'"),
        ("pth,label\n0.png,a\n", "a column 'pth' and no column 'path'"),
        ("path,lable\n0.png,a\n", "a column 'lable' and no column 'label'"),
        ("path,class\n0.png,a\n", "a column 'class' and no column 'label'"),
        ("path,label,spilt\n0.png,a,train\n", "a column 'spilt' and no column 'split'"),
        ("path,label,label\n0.png,a,a\n", "the column 'label' twice"),
        ("path,label\n0.png,a\n1.png,\n", "row 3 (1.png) has no label"),
        ("path,label\n0.png,a\n,b\n", "row 3 has no path"),
        ("path,label\n0.png,a\n1.png\n", "row 3 has 1 cells, the header 2"),
        ("path,label\n0.png,a,b\n", "row 2 has 3 cells"),
        ("path,label,split\n0.png,a,training set\n", "row 2 has the split 'training set'"),
        ("path,label,weight\n0.png,a,-1\n", "row 2 has the weight '-1'"),
        ("path,label,weight\n0.png,a,nan\n", "row 2 has the weight 'nan'"),
        ("path,label,weight\n0.png,a,much\n", "row 2 has the weight 'much'"),
        ("path,a,b\n0.png,1,two\n", "row 2, column 'b' holds 'two', which is no number"),
        ("path,a\n0.png,1\n1.png,nan\n", "row 3, column 'a' holds 'nan', which is no number"),
        ("path,a\n0.png,1\n1.png,\n", "row 3, column 'a' holds '', which is no number"),
        ("path,mask\n0.png,\n", "row 2 (0.png) has no mask"),
        ("path,masks\n0.png,1.png\n", "a column 'masks' and no column 'mask'"),
        ("path,box\n0.png,1 2 3\n", "row 2 has the box '1 2 3'"),
        ("path,box\n0.png,3 2 1 4\n", "row 2 has the box '3 2 1 4'"),
        ("path,box\n0.png,1 2 3 4 cat; 1 2 3 4\n", "names the class of some boxes only"),
        ("path,point nose\n0.png,1\n", "row 2, column 'point nose' holds '1'"),
        ("path,label\n0.png,a;b\n1.png,a|c\n", "by ';' in some rows and by '|'"),
        ("path,label\n0.png,a;b\n\n1.png,a;\n", "row 4 has an empty label in 'a;'"),
        ('path,label\n0.png,"a\n', "is no CSV"),
        ("path,label\nx.png,a\ny.png,b\n", "2 of 2 files are missing, such as x.png, y.png"),
    ],
)
def test_what_is_wrong_is_named(table, tmp_path, text, message):
    with pytest.raises(DataError) as caught:
        table(text)
    assert message in caught.value.message
    assert caught.value.where == str(tmp_path / "labels.csv")
    assert caught.value.remedy


def test_missing_files(table):
    text = "path,label\n0.png,a\nx.png,b\n"
    with pytest.raises(DataError, match=r"1 of 2 files are missing, such as x\.png"):
        table(text, bad_images="raise")
    data = table(text)
    assert data.notes == ("1 of 2 files are missing, such as x.png",)
    with pytest.raises(ImageError, match="No such file"):
        data.read(1)


def test_other_columns_are_left_out_and_said(table):
    data = table("path,label,camera\n0.png,a,x\n")
    assert data.notes == ("columns left out: camera",)


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        open_manifest(tmp_path / "none.csv")

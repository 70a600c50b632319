from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitreous.data.columns import Marks, Numbers
from vitreous.data.dataset import Part
from vitreous.data.doubt import Doubt
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
        ('path,age\n0.png,"0,5"\n', "row 2, column 'age' holds '0,5'"),
        ("path,box\n0.png,0.1 0.2 0.5 0.9\n", "every box between 0 and 1: these are fractions"),
        ("path,dot\n0.png,0.1 0.2; 0.5 1\n", "every dot between 0 and 1"),
        ("path,point nose\n0.png,0.4 0.5\n1.png,\n", "every point between 0 and 1"),
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


def test_what_is_lost_with_a_column_is_said(table):
    data = table("path,label,data set,PatientID\n0.png,a,train,1\n1.png,b,test,1\n")
    kinds = {note.kind: note.severity for note in data.notes if isinstance(note, Doubt)}
    assert kinds == {"parts left out": "error", "groups left out": "warning"}


def test_places_within_one_pixel_may_be_meant(table):
    assert table("path,box\n0.png,0 0 1 1\n").targets["box"].array.tolist() == [[0, 0, 1, 1]]
    assert table("path,box\n0.png,0.5 0.5 1.5 1\n1.png,0 0 0.5 1\n").targets["box"]


@pytest.mark.parametrize(("wanted", "cell"), [("point, such as", '"1.234,5"'), ("label", "4 kg")])
def test_numbers_that_are_none_have_a_remedy_each(table, wanted, cell):
    with pytest.raises(DataError) as caught:
        table(f"path,age\n0.png,{cell}\n")
    assert wanted in caught.value.remedy


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-32-be"])
def test_wide_encodings_are_named(table, encoding):
    text = "path,label\n0.png,cat\n1.png,dog\n"
    with pytest.raises(DataError, match=f"is text in UTF-{encoding[4:6]}"):
        table(text.encode(encoding))


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        open_manifest(tmp_path / "none.csv")


# Other targets than labels


def test_numbers_in_columns_of_their_own_are_quantities(table):
    data = table("path,Age,split,height\n0.png,7,train,1.5\n1.png,-2,test,2e3\n2.png,0,,0\n")
    column = data.targets["value"]
    assert list(data.targets) == ["value"]
    assert column.names == ("Age", "height")
    assert column.array.tolist() == [[7, 1.5], [-2, 2000], [0, 0]]
    assert data.classes == ()
    assert data.notes == ("the columns 'Age', 'height' hold numbers: regression",)
    assert data[1].target.tolist() == [-2, 2000]
    assert data.text(0) == "Age 7, height 1.5"
    assert data.parts.tolist() == [Part.TRAIN, Part.TEST, Part.UNASSIGNED]


@pytest.mark.parametrize(("cells", "kind"), [("1 0 1", Marks), ("1 0 1.0", Numbers)])
def test_a_column_of_0_and_1_alone_is_a_mark(table, cells, kind):
    rows = (f"{number}.png,{cell}\n" for number, cell in enumerate(cells.split()))
    (column,) = table("path,sunny\n" + "".join(rows)).targets.values()
    assert isinstance(column, kind)
    assert column.array.ravel().tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        ("1 2 3", False),  # class numbers
        ("1.0 2.0 1.0", False),
        ("1.5 2 1", True),
        ("-0.25 1e-3 7", True),
        ("1.5 2 big", False),  # words
        ("1.5 2 nan", False),
        ("1_0.5 2 3", False),
    ],
)
def test_labels_that_are_not_whole_are_quantities(table, cells, numbers):
    rows = (f"{number}.png,{cell}\n" for number, cell in enumerate(cells.split()))
    data = table("path,label\n" + "".join(rows))
    if not numbers:
        assert data.classes == tuple(sorted(set(cells.split())))
        assert [note for note in data.notes if "called 'nan'" not in note] == []
        return
    assert data.targets["value"].names == ("label",)
    assert data.targets["value"].array[:, 0].tolist() == pytest.approx([*map(float, cells.split())])
    assert data.notes == ("the column 'label' holds numbers: regression",)


def test_paths_of_masks(table, tmp_path):
    (tmp_path / "m").mkdir()
    for number in range(3):
        Image.fromarray(np.full((2, 3), number, np.uint8)).save(tmp_path / f"m/{number}.png")
    data = table("path,mask,label\n0.png,m/1.png,cat\n1.png,./m/0.png,dog\n")
    assert list(data.targets) == ["mask", "class"]
    assert data.targets["mask"].classes == ("0", "1")
    assert data.targets["mask"].read(0).tolist() == [[1] * 3] * 2
    assert data.targets["mask"].source(1) == str(tmp_path / "m/0.png")
    assert data.targets["class"].classes == ("cat", "dog")
    assert len(data.notes) == 1
    assert data.notes[0].startswith("masks show the classes 0 to 1, which have no names;")
    missing = table("path,mask\n0.png,m/2.png\n1.png,m/9.png\n")
    assert missing.notes[0].startswith("mask: 1 of 2 files are missing, such as ")
    assert len(missing) == 2
    with pytest.raises(DataError, match="1 of 2 files are missing"):
        table("path,mask\n0.png,m/2.png\n1.png,m/9.png\n", bad_images="raise")


def test_boxes_with_classes(table):
    data = table("path,box\n0.png,1 2 3.5 4 cat; 0 0 9 9 big dog\n1.png,\n2.png,0 0 1 1 cat\n")
    column = data.targets["box"]
    assert column.classes == data.classes == ("big dog", "cat")
    assert data[0].target.tolist() == [[1, 2, 3.5, 4, 1], [0, 0, 9, 9, 0]]
    assert data[1].target.shape == (0, 5)
    assert column.counts().tolist() == [1, 2]


def test_one_box_and_its_label(table):
    data = table("path,box,label\n0.png,1 2 3 4,cat\n1.png,0 0 2 2,dog\n")
    assert list(data.targets) == ["box", "class"]
    assert data.classes == ("cat", "dog")
    assert data.targets["box"].gather(np.arange(2))[1].tolist() == [[0, 0, 2, 2]]


def test_points_by_name(table):
    data = table("path,point left eye,Point right eye\n0.png,1 2,3 4.5\n1.png,,0 1\n")
    column = data.targets["point"]
    assert column.names == ("left eye", "right eye")
    assert column.pairs == ((0, 1),)
    assert column.array.tolist() == [[[1, 2, 1], [3, 4.5, 1]], [[0, 0, 0], [0, 1, 1]]]
    assert data.notes == ("points that a mirror swaps: left eye and right eye",)


def test_beside_masks_columns_of_words_are_left_out(table, tmp_path):
    Image.fromarray(np.eye(2, dtype=np.uint8)).save(tmp_path / "m.png")
    data = table("path,mask,camera\n0.png,m.png,left\n1.png,m.png,right\n")
    assert list(data.targets) == ["mask"]
    assert "columns left out: camera" in data.notes
    numbers = table("path,mask,age\n0.png,m.png,1.5\n1.png,m.png,2\n")
    assert list(numbers.targets) == ["mask", "value"]


def test_paths_alone_are_unlabeled_images(table):
    data = table("path,split\n0.png,train\n1.png,test\n")
    assert data.targets == {}
    assert data.parts.tolist() == [Part.TRAIN, Part.TEST]
    assert data.notes == ("there is no column 'label': the images are unlabeled",)


def test_dots_in_rows_of_their_own(table):
    data = table(
        "path,x,y,split\n0.png,1,2,train\n1.png,,,test\n0.png,3.5,4,train\n2.png,0,0,train\n"
    )
    column = data.targets["dot"]
    assert list(data.targets) == ["dot"]
    assert [data.id(k) for k in range(3)] == ["0.png", "1.png", "2.png"]
    assert [dots.tolist() for dots in column.gather(np.arange(3))] == [
        [[1, 2], [3.5, 4]], [], [[0, 0]]
    ]  # fmt: skip
    assert data.parts.tolist() == [Part.TRAIN, Part.TEST, Part.TRAIN]
    with pytest.raises(DataError, match="has one x and y for each image") as caught:
        table("path,x,y\n0.png,1,2\n1.png,3,4\n")
    assert "'point NAME'" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("path,x,y\n0.png,1,2\n0.png,1,\n", "row 3 has x '1' and y ''"),
        ("path,x,y\n0.png,1,2\n0.png,1,nan\n", "row 3 has x '1' and y 'nan'"),
        ("path,x,y,split\n0.png,1,2,train\n0.png,1,2,val\n", "rows 2 and 3 of 0.png differ in"),
        ("path,x,y,label\n0.png,1,2,a\n0.png,1,2,b;c\n", "row 3 has the label 'b;c'"),
        ("path,dot\n0.png,1 2; 3\n", "row 2 has the dot '3'"),
        ("path,dot\n0.png,1 inf\n", "row 2 has the dot '1 inf'"),
    ],
)
def test_dots_that_are_nowhere(table, text, match):
    with pytest.raises(DataError, match=match):
        table(text)


def test_depths_and_clean_pictures_are_paths(table, tmp_path):
    for number in range(3):
        depth = np.full((2, 3), 300 * number, np.uint16)
        Image.fromarray(depth).save(tmp_path / f"d{number}.png")
        Image.new("RGB", (3, 2), (51, 102, 0)).save(tmp_path / f"c{number}.png")
    depths = table("path,depth\n0.png,d1.png\n1.png,d2.png\n").targets["depth"]
    assert depths.read(0).tolist() == [[300] * 3] * 2
    clean = table("path,clean\n0.png,c1.png\n1.png,c2.png\n").targets["clean"]
    assert clean.channels == 3
    np.testing.assert_allclose(clean.read(1)[0, 0], [0.2, 0.4, 0])
    with pytest.raises(DataError, match="2 of 2 files are missing"):
        table("path,depth\n0.png,d8.png\n1.png,d9.png\n")


@pytest.mark.parametrize(
    "cell", ["{", "{}", '{"size": [2, 3], "rest": "x", "runs": {"a": "0"}}', '{"size": [0, 3]}',
             '{"size": [2, 3], "runs": []}']
)  # fmt: skip
def test_masks_in_cells_that_are_none(table, cell):
    quoted = cell.replace('"', '""')
    with pytest.raises(DataError, match="row 2: its mask"):
        table(f'path,mask\n0.png,"{quoted}"\n')

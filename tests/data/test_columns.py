"""Every kind of column does what splits, packs, batches and manifests ask of it."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from vitreous.augment import Augment
from vitreous.data.boxes import Boxes, is_ignored
from vitreous.data.columns import ClassNumbers, Marks, Numbers, classed
from vitreous.data.dataset import Part
from vitreous.data.dots import Dots
from vitreous.data.formats.arrays import digits, from_arrays
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.manifest import open_manifest
from vitreous.data.images.frame import Frame
from vitreous.data.maps import MapRows, Maps
from vitreous.data.names import Names
from vitreous.data.points import Points, pairs_of
from vitreous.data.splits.split import Split
from vitreous.errors import DataError, ImageError, ShapeError, UsageError

CPU = torch.device("cpu")
NAN = float("nan")
MASKS = np.array(
    [[[0, 0], [1, 2]], [[1, 1], [1, 255]], [[255, 255], [255, 255]], [[2, 0], [0, 0]]], np.uint8
)
DEPTHS = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 2, 2)
BOXES = [[[0, 1, 2, 3.5]], np.zeros((0, 4)), [[1, 1, 2, 2], [1, 1, 2, 2]], [[0, 0, 9, 9]]]
PETS = [
    [[0, 1, 2, 3.5, 1]], np.zeros((0, 5)), [[1, 1, 2, 2, 0], [3, 3, 4, 4, 1]], [[0, 0, 9, 9, 0]]
]  # fmt: skip
CROWDS = [
    [[0, 1, 2, 3.5, 1, 1]],
    np.zeros((0, 6)),
    [[1, 1, 2, 2, 0, 1], [3, 3, 4, 4, 1, 0]],
    [[0, 0, 9, 9, 0, 0]],
]
EYES = [
    [[1, 2, 1], [3, 4, 1]], [[1, 2, 0], [3.25, 4, 1]], np.zeros((2, 3)), [[5, 5, 1], [1, 1, 1]]
]  # fmt: skip
COLUMNS = {
    "classes": ClassNumbers(np.array([2, 0, 0, 1]), ("ant", "bee", "cat")),
    "marks": Marks(np.array([[1, 0], [1, 1], [0, 0], [0, 1]]), ("dry", "warm")),
    "number": Numbers(np.array([0.1, -3, 1e-20, 7]), ["age"]),
    "numbers": Numbers(np.array([[1, 0], [0, 1], [1, 1], [0, 0]]), ["tall", "wide"]),
    "maps": Maps(MASKS, ("sky", "tree", "road")),
    "depths": Maps(DEPTHS, interpolation="linear"),
    "boxes": Boxes.of(BOXES),
    "named boxes": Boxes.of(PETS, ("cat", "dog")),
    "crowds": Boxes.of(CROWDS, ("cat", "dog")),
    "nameless crowds": Boxes(np.ones((4, 4)) * [0, 0, 2, 3], [1, 0, 2, 1], ignored=[1, 0, 0, 0]),
    "pictures": Maps(np.stack([DEPTHS] * 3, axis=-1), interpolation="linear", channels=3),
    "dots": Dots.of([[[1, 2], [3.5, 4]], np.zeros((0, 2)), [[7, 5]], [[1, 2], [1, 2]]]),
    "dots of classes": Dots.of(
        [[[1, 2, 1], [3.5, 4, 0]], np.zeros((0, 3)), [[7, 5, 1]], [[1, 2, 0], [1, 2, 1]]],
        ("cat", "dog"),
    ),
    "points": Points(EYES, ("left eye", "right eye")),
}
KINDS = pytest.mark.parametrize("kind", COLUMNS)


def plain(values):
    """What `gather` or `tensors` gives as lists that can be compared, NaN and all."""
    if isinstance(values, list):
        return [np.asarray(each).tolist() for each in values]
    return np.asarray(values).tolist()


@KINDS
def test_some_of_the_rows_are_a_column(kind):
    column, ids = COLUMNS[kind], np.array([3, 1, 1])
    part = column.take(ids)
    assert (len(column), len(part)) == (4, 3)
    assert part.classes == column.classes
    assert plain(part.gather(np.arange(3))) == plain(column.gather(ids))
    assert [part.text(row) for row in range(3)] == [column.text(row) for row in ids.tolist()]
    assert plain(part.batch(np.arange(3))) == plain(column.batch(ids))


@KINDS
def test_one_target_is_a_copy(kind):
    column = COLUMNS[kind]
    before = column.content()
    value = column.value(0)
    assert np.asarray(value).tolist() == np.asarray(column.gather(np.array([0]))[0]).tolist()
    if isinstance(value, np.ndarray):
        value[:] = 1
    assert column.content() == before


@KINDS
def test_content_tells_rows_apart(kind):
    column = COLUMNS[kind]
    assert column.take(np.arange(4)).content() == column.content()
    assert len({column.take(np.array([row, 0, 1])).content() for row in (0, 1, 3)}) == 3


@KINDS
def test_pieces_join_to_what_one_call_gives(kind):
    column = COLUMNS[kind]
    pieces = [column.gather(np.array(rows)) for rows in ([0, 1], [2], [3])]
    assert plain(column.joined(pieces)) == plain(column.gather(np.arange(4)))
    assert plain(column.joined(pieces[:1])) == plain(pieces[0])


@KINDS
def test_strata_and_counts(kind):
    column = COLUMNS[kind]
    expected = {
        "classes": [2, 1, 1],
        "marks": [2, 2],
        "maps": [2, 2, 2],
        "named boxes": [2, 2],
        "crowds": [1, 1],
        "dots of classes": [2, 3],
    }
    rows, strata = column.strata()
    assert len(rows) == len(strata)
    if kind not in expected:  # all rows are alike
        assert (rows.tolist(), strata.tolist()) == ([0, 1, 2, 3], [0] * 4)
        assert column.counts() is None
        return
    assert column.counts().tolist() == expected[kind]
    assert classed({"other": COLUMNS["number"], "this": column}) is column
    pairs = set(zip(rows.tolist(), strata.tolist(), strict=True))
    shown = {
        "classes": {(0, 2), (1, 0), (2, 0), (3, 1)},
        "marks": {(0, 0), (1, 0), (1, 1), (3, 1)},
        "maps": {(0, 0), (0, 1), (0, 2), (1, 1), (3, 0), (3, 2)},
        "named boxes": {(0, 1), (2, 0), (2, 1), (3, 0)},
        "crowds": {(2, 1), (3, 0)},
        "dots of classes": {(0, 0), (0, 1), (2, 1), (3, 0), (3, 1)},
    }
    assert pairs == shown[kind]


def test_only_single_classes_are_exclusive():
    exclusive = {name for name, column in COLUMNS.items() if column.exclusive is not None}
    assert exclusive == {"classes"}
    assert classed({"a": COLUMNS["number"]}) is None
    assert classed({}) is None


def test_texts():
    texts = {kind: [column.text(row) for row in range(4)] for kind, column in COLUMNS.items()}
    assert texts["classes"] == ["cat", "ant", "ant", "bee"]
    assert texts["marks"] == ["dry", "dry, warm", "none", "warm"]
    assert texts["number"] == ["0.1", "-3", "1e-20", "7"]
    assert texts["numbers"][0] == "tall 1, wide 0"
    told = ["sky 50 %, tree 25 %, road 25 %", "tree 75 %", "none", "sky 75 %, road 25 %"]
    assert [text.replace("\u202f", " ") for text in texts["maps"]] == told
    assert texts["depths"][3] == "0.8 to 1"
    assert texts["boxes"] == ["0 1 2 3.5", "none", "1 1 2 2; 1 1 2 2", "0 0 9 9"]
    assert texts["named boxes"][2] == "1 1 2 2 cat; 3 3 4 4 dog"
    assert texts["dots"] == ["2", "0", "1", "2"]
    assert texts["crowds"][2] == "ignore 1 1 2 2 cat; 3 3 4 4 dog"
    assert texts["points"][1:3] == ["right eye 3.25 4", "none visible"]


def test_what_a_loss_takes():
    rows = np.array([0, 2])
    tensors = {kind: column.batch(rows) for kind, column in COLUMNS.items()}
    assert tensors["classes"].dtype == tensors["maps"].dtype == torch.int64
    for kind in ("marks", "number", "numbers", "depths", "points"):
        assert tensors[kind].dtype == torch.float32
    assert tensors["number"].shape == (2, 1)
    assert tensors["maps"].shape == tensors["depths"].shape == (2, 2, 2)
    assert tensors["points"].shape == (2, 2, 3)
    assert [tuple(each.shape) for each in tensors["boxes"]] == [(1, 4), (2, 4)]
    assert [tuple(each.shape) for each in tensors["named boxes"]] == [(1, 5), (2, 5)]


@KINDS
def test_only_what_mixes_can_be_blended(kind):
    column = COLUMNS[kind]
    targets, partners = column.batch(np.arange(4)), torch.tensor([1, 2, 3, 0])
    if not column.mixes:
        with pytest.raises(UsageError, match="cannot be blended"):
            column.blend(targets, partners, 0.25)
        return
    soft = targets if targets.ndim == 2 else torch.eye(3)[targets]
    blended = column.blend(targets, partners, 0.25)
    torch.testing.assert_close(blended, 0.25 * soft + 0.75 * soft[partners])
    twice = column.blend(blended, partners, 0.5)  # what was blended can be blended again
    torch.testing.assert_close(twice, 0.5 * blended + 0.5 * blended[partners])


def test_the_fingerprint_of_old_runs_holds():
    """Recorded before targets were columns: runs from then have to find their data again."""
    assert digits().fingerprint == "780089421874845abc2570dbb5003fb7"
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (20, 4, 4, 1), np.uint8)
    marked = from_arrays(images, random.integers(0, 2, (20, 3)))
    assert marked.fingerprint == "d2d7028a5ab63e6e34b8ff093a34149f"


# Manifests


@pytest.fixture
def folder(tmp_path):
    """Four images and their masks, a folder each."""
    for number in range(4):
        for place in ("photos", "masks"):
            (tmp_path / place).mkdir(exist_ok=True)
        Image.new("RGB", (2, 2), (number, 0, 0)).save(tmp_path / f"photos/{number}.png")
        Image.fromarray(MASKS[number]).save(tmp_path / f"masks/{number}.png")
    (tmp_path / "classes.txt").write_text("sky\ntree\nroad\n")
    return tmp_path


def written(folder, targets):
    """A data set of these columns, written as a split in another folder, and opened again."""
    names = Names(f"photos/{number}.png" for number in range(4))
    parts = np.array([Part.TRAIN, Part.VALIDATION, Part.TEST, Part.TRAIN], np.int8)
    data = FileDataset(folder, names, targets, parts=parts)
    (folder / "run").mkdir()
    Split(parts).write(folder / "run/split.csv", data)
    return open_manifest(folder / "run/split.csv"), data


@pytest.mark.parametrize("kind", sorted(set(COLUMNS) - {"depths", "maps", "pictures"}))
def test_cells_of_a_manifest_bring_the_column_back(folder, kind):
    column = COLUMNS[kind]
    names = {"classes": "class", "marks": "class", "boxes": "box", "named boxes": "box",
             "points": "point", "dots": "dot", "dots of classes": "dot",
             "crowds": "box", "nameless crowds": "box"}  # fmt: skip
    name = names.get(kind, "value")
    again, _ = written(folder, {name: column})
    assert list(again.targets) == [name]
    found = again.targets[name]
    assert type(found) is type(column)
    assert found.classes == column.classes
    assert found.content() == column.content()
    for noun in {"numbers": ["names"], "points": ["names", "pairs"]}.get(kind, []):
        assert getattr(found, noun) == getattr(column, noun)
    assert again.parts.tolist() == [Part.TRAIN, Part.VALIDATION, Part.TEST, Part.TRAIN]


def test_masks_are_written_as_paths(folder):
    (folder / "list.csv").write_text(
        "path,mask\n" + "".join(f"photos/{n}.png,masks/{n}.png\n" for n in range(4))
    )
    again, data = written(folder, open_manifest(folder / "list.csv").targets)
    with (folder / "run/split.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[2]["path"] == "../photos/2.png"
    assert rows[2]["mask"] == "../masks/2.png"
    for each in (again, data):
        column = each.targets["mask"]
        assert column.classes == ("sky", "tree", "road")
        np.testing.assert_array_equal([column.read(row) for row in range(4)], MASKS)
    assert again.targets["mask"].content() == data.targets["mask"].content()


def test_unlabeled_images_are_data(folder):
    again, data = written(folder, {})
    for each in (again, data):
        assert each.targets == {}
        assert each.classes == ()
        assert each.text(0) == ""
        assert each[1].targets == {}
        with pytest.raises(UsageError, match="none"):
            _ = each[1].target
    assert again.notes == ("there is no column 'label': the images are unlabeled",)


def test_several_columns(folder):
    targets = {"mask": COLUMNS["maps"], "class": COLUMNS["classes"]}
    names = Names(f"photos/{number}.png" for number in range(4))
    data = FileDataset(folder, names, targets, parts=np.zeros(4, np.int8))
    assert data.classes == ("sky", "tree", "road")
    assert data.text(1) == "tree 75\u202f%; ant"
    example = data[1]
    assert example.targets["class"] == 0
    np.testing.assert_array_equal(example.targets["mask"], MASKS[1])
    with pytest.raises(UsageError, match="mask, class"):
        _ = example.target


# What moves


def turned(**strengths):
    """The changes of four images of 6 × 8 pixels."""
    policy = Augment(**strengths)
    uniforms = np.random.default_rng(0).random((4, policy.num_uniforms))
    return policy.sample(uniforms, (6, 8, 1), (6, 8))


@pytest.mark.parametrize("kind", ["classes", "marks", "number"])
def test_values_stay(kind):
    values = COLUMNS[kind].gather(np.arange(4))
    assert COLUMNS[kind].moved(values, turned(flip=1)) is values


def test_a_mirror_swaps_sides_of_points_boxes_and_maps():
    changes = turned(flip=1)
    points = COLUMNS["points"]
    moved = points.moved(points.gather(np.arange(4)), changes)
    assert moved[0].tolist() == [[4, 4, 1], [6, 2, 1]]  # the left eye is where the right one was
    assert moved[1].tolist() == [[3.75, 4, 1], [0, 0, 0]]
    boxes = COLUMNS["named boxes"]
    found = boxes.moved(boxes.gather(np.arange(4)), changes)
    assert plain(found) == [
        [[6, 1, 8, 3.5, 1]],
        [],
        [[6, 1, 7, 2, 0], [4, 3, 5, 4, 1]],
        [[0, 0, 8, 6, 0]],
    ]
    random = np.random.default_rng(1).integers(0, 3, (4, 6, 8), np.uint8)
    maps = Maps(random, "abc")
    np.testing.assert_array_equal(maps.moved(random, changes), random[..., ::-1])


def test_what_leaves_the_window_is_left_out():
    frame = Frame.resized_crop((6, 8), (6, 6), (2, 0, 8, 6))  # two columns are cut off
    boxes = Boxes.of([[[0, 0, 2, 6, 0], [1, 1, 4, 3, 1], [5, 5, 9, 6, 0]]], ("cat", "dog"))
    assert plain(boxes.fitted([frame]).gather(np.array([0]))) == [
        [[0, 1, 2, 3, 1], [3, 5, 6, 6, 0]]
    ]
    points = Points([[[1, 1, 1], [2, 3, 1], [7, 5, 0]]], "abc", ())
    assert points.fitted([frame]).array[0].tolist() == [[0, 0, 0], [0, 3, 1], [0, 0, 0]]
    maps = Maps(np.arange(48, dtype=np.uint8).reshape(1, 6, 8), [str(n) for n in range(48)])
    np.testing.assert_array_equal(maps.row(0, frame), maps.read(0)[:, 2:])


def test_boxes_that_are_ignored_follow_and_say_so():
    """A box around a crowd moves like the others; what is left is told by one mark a box."""
    column = COLUMNS["crowds"]
    for boxes in (column.gather(np.arange(4)), column.batch(np.arange(4))):
        marks = [is_ignored(each).tolist() for each in boxes]
        assert marks == [[True], [], [True, False], [False]]
    moved = column.moved(column.gather(np.arange(4)), turned(flip=1))
    assert plain(moved)[2] == [[6, 1, 7, 2, 0, 1], [4, 3, 5, 4, 1, 0]]
    frame = Frame.resized_crop((6, 8), (6, 6), (2, 0, 8, 6))
    fitted = column.fitted([frame] * 4)
    assert plain(fitted.gather(np.arange(4))) == [
        [],
        [],
        [[1, 3, 2, 4, 1, 0]],
        [[0, 0, 6, 6, 0, 0]],
    ]
    counting = column.counting()
    assert counting.sizes.tolist() == [0, 0, 1, 1]
    assert plain(counting.gather(np.array([2]))) == [[[3, 3, 4, 4, 1]]]
    assert not column.empty
    assert column.take(np.array([0, 1])).empty
    assert is_ignored(COLUMNS["named boxes"].gather(np.array([2]))[0]).tolist() == [False, False]


def test_dots_follow_and_leave():
    column = COLUMNS["dots"]
    moved = column.moved(column.gather(np.arange(4)), turned(flip=1))
    assert plain(moved) == [[[6, 2], [3.5, 4]], [], [[0, 5]], [[6, 2], [6, 2]]]
    frame = Frame.resized_crop((6, 8), (6, 6), (2, 0, 8, 6))
    fitted = column.fitted([frame] * 4)
    assert fitted.sizes.tolist() == [1, 0, 1, 0]
    assert fitted.array.tolist() == [[1.5, 4], [5, 5]]
    assert not column.empty
    assert fitted.take(np.array([1, 3])).empty
    with pytest.raises(DataError, match="example 1 has a dot at"):
        Dots.of([[[0, 0]], [[1, NAN]]])


def test_maps_of_several_channels_are_moved_and_put_first():
    pictures = COLUMNS["pictures"]
    assert pictures.batch(np.arange(2)).shape == (2, 3, 2, 2)
    frame = Frame.resized_crop((2, 2), (2, 4), (-1, 0, 3, 2))
    row = pictures.row(0, frame)
    assert row.shape == (2, 4, 3)
    np.testing.assert_array_equal(row[..., 1], COLUMNS["depths"].row(0, frame))
    random = np.random.default_rng(1).random((4, 6, 8, 3), np.float32)
    moved = pictures.over(random).moved(random, turned(flip=1))
    np.testing.assert_array_equal(moved, random[:, :, ::-1])


def test_outside_of_the_image_is_ignored():
    frame = Frame.resized_crop((2, 2), (2, 4), (-1, 0, 3, 2))
    classes = ("sky", "tree", "road")
    assert Maps(MASKS, classes).row(0, frame).tolist() == [[255, 0, 0, 255], [255, 1, 2, 255]]
    rest = Maps(MASKS[:1], classes, ignore=None)
    assert rest.row(0, frame)[:, 0].tolist() == [0, 0]
    depths = COLUMNS["depths"].row(0, frame)
    assert np.isnan(depths[:, [0, 3]]).all()
    np.testing.assert_array_equal(depths[:, 1:3], COLUMNS["depths"].read(0))


def test_pairs_are_told_from_names():
    names = ("nose", "left_eye", "right_eye", "L ear", "r ear", "bright", "left")
    assert pairs_of(names) == ((1, 2), (3, 4))
    assert pairs_of(("Right Knee", "hip", "left knee")) == ((0, 2),)


# What is refused


def test_numbers_that_are_none():
    with pytest.raises(DataError, match="example 1 has the age nan"):
        Numbers(np.array([1, NAN, 2]), ["age"])
    with pytest.raises(DataError, match="example 0 has the wide inf"):
        Numbers(np.array([[1, np.inf]]), ["tall", "wide"])


@pytest.mark.parametrize("box", [(3, 1, 2, 4), (0, 2, 1, 2), (0, 0, NAN, 1)])
def test_boxes_without_area(box):
    with pytest.raises(DataError, match="example 2 has the box"):
        Boxes.of([[(0, 0, 1, 1)], [], [(0, 0, 1, 1), box]])


def test_points_that_are_nowhere():
    with pytest.raises(DataError, match="example 0 has 'nose' at"):
        Points([[[NAN, 1, 1]]], ["nose"])
    hidden = Points([[[NAN, 1, 0]]], ["nose"])
    assert hidden.array.tolist() == [[[0, 0, 0]]]


def test_maps_that_do_not_fit():
    maps = Maps(MASKS, ("sky", "tree"))
    same = Frame.identity((2, 2))
    with pytest.raises(ImageError, match="has pixels of class 2, but there are 2 classes"):
        maps.row(0, same)
    assert maps.row(1, same).tolist() == MASKS[1].tolist()
    with pytest.raises(ImageError, match="has 2 × 2 pixels, its image 4 × 3"):
        maps.row(1, Frame.identity((3, 4)))
    with pytest.raises(DataError, match="256 classes"):
        Maps(MASKS, [str(n) for n in range(256)])
    assert len(Maps(MASKS, [str(n) for n in range(256)], ignore=None).classes) == 256


def test_maps_of_several_sizes_have_to_be_packed_first():
    class Ragged(MapRows):
        def __len__(self):
            return 2

        def read(self, index):
            return np.zeros((2 + index, 2), np.uint8)

        def stamp(self, index):
            return b""

    maps = Maps(Ragged(), ("a", "b"))
    assert maps.size is None
    assert maps.gather(np.array([1, 1])).shape == (2, 3, 2)
    with pytest.raises(ShapeError, match="several sizes"):
        maps.gather(np.array([0, 1]))


class Cropped:
    """The part of images that begins at x pixels from the left."""

    def __init__(self, x: float, size: tuple[int, int]):
        self.x, self.size = x, size

    def boxes(self, boxes):
        return [each - [self.x, 0, self.x, 0] for each in boxes]


def test_a_sliver_of_a_box_is_ignored_in_training():
    """Of the first box a fifth is left, of the second a half, of the third too little."""
    rows = np.array([[2, 0, 7, 5, 1], [4, 0, 8, 5, 0], [0, 0, 6.5, 5, 1]])
    boxes = Boxes.of([rows, np.zeros((0, 5))], ("cat", "dog"))
    cut, none = boxes.moved(boxes.gather(np.arange(2)), Cropped(6, (6, 6)))
    assert cut.tolist() == [[0, 0, 1, 5, 1, 1], [0, 0, 2, 5, 0, 0]]
    assert len(none) == 0
    whole, _ = boxes.moved(boxes.gather(np.arange(2)), Cropped(0, (6, 12)))
    assert whole.shape == (3, 5)
    nameless = Boxes.of([rows[:1, :4]])
    (row,) = nameless.moved(nameless.gather(np.arange(1)), Cropped(6, (6, 6)))
    assert row.tolist() == [[0, 0, 1, 5, 0, 1]]


def test_points_without_sides_are_not_mirrored_unknowingly() -> None:
    one = np.array([[[1, 2, 1]]])
    assert Points(one, ["tip"]).mirrors
    assert Points(one.repeat(2, 1), ["left eye", "right eye"]).mirrors
    assert not Points(one.repeat(2, 1), ["p1", "p2"]).mirrors
    assert Points(one.repeat(2, 1), ["p1", "p2"], [(0, 1)]).mirrors

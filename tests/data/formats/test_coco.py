"""COCO's annotations: what is read, what is left out and said, what is refused with its entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as peer

from vitreous.data.boxes import Boxes
from vitreous.data.dataset import Dataset, Part
from vitreous.data.doubt import Doubt
from vitreous.data.formats.open import open
from vitreous.data.maps import Maps
from vitreous.data.points import Points
from vitreous.data.splits.split import split
from vitreous.errors import DataError
from vitreous.tasks.asked import as_asked

CATEGORIES = [{"id": 17, "name": "cat"}, {"id": 3, "name": "dog"}, {"id": 90, "name": "brush"}]


def thing(image: int, category: int, box: Any, **more: Any) -> dict[str, Any]:
    x, y, w, h = box if isinstance(box, list) and len(box) == 4 else (0, 0, 1, 1)
    outline = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    fields = {"image_id": image, "category_id": category, "bbox": box, "segmentation": outline}
    return {**fields, "iscrowd": 0, **more}


def write(
    path: Path,
    images: dict[int, str],
    things: list[dict[str, Any]],
    folder: Path | None = None,
    **more: Any,
) -> Path:
    """A file of annotations, and its images of 40 × 30 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in images.values():
        place = (folder or path.parent) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (len(name), 99, 9)).save(place)
    listed = [{"id": k, "file_name": n, "width": 40, "height": 30} for k, n in images.items()]
    things = [{"id": 100 + k, **each} for k, each in enumerate(things)]
    told = {"info": {}, "images": listed, "annotations": things, "categories": CATEGORIES}
    path.write_text(json.dumps({**told, **more}))
    return path


def boxes(data: Dataset) -> Boxes:
    column = data.targets["box"]
    assert isinstance(column, Boxes)
    return column


def masks(data: Dataset) -> Maps:
    column = as_asked(data, "segment").targets["mask"]
    assert isinstance(column, Maps)
    return column


def notes(data: Dataset) -> str:
    return "\n".join(data.notes)


def test_the_layout_of_the_published_sets(tmp_path: Path) -> None:
    for part, names in (("train", {5: "a.jpg", 70: "b.jpg"}), ("val", {9: "c.jpg"})):
        things = [thing(key, 17, [1, 2, 10, 20]) for key in names]
        annotations = tmp_path / "annotations"
        write(annotations / f"instances_{part}2017.json", names, things, tmp_path / f"{part}2017")
        (annotations / f"captions_{part}2017.json").write_text('{"images": [], "annotations": []}')
    data = open(tmp_path)
    assert [data.id(k) for k in range(3)] == ["train2017/a.jpg", "train2017/b.jpg", "val2017/c.jpg"]
    assert data.parts.tolist() == [Part.TRAIN, Part.TRAIN, Part.VALIDATION]
    assert data.classes == ("cat",)
    assert data[1].target.tolist() == [[1, 2, 11, 22, 0]]
    assert "categories without annotations, left out: 2: brush, dog" in data.notes
    assert "not read: 2: annotations/captions_train2017.json, annotations/captions_val" in notes(
        data
    )
    one = open(tmp_path / "annotations/instances_val2017.json")
    assert [one.id(0)] == ["val2017/c.jpg"]
    assert one.parts.tolist() == [Part.UNASSIGNED]


def test_a_file_in_each_part(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        write(
            tmp_path / part / "_annotations.coco.json",
            {0: f"{part}.jpg"},
            [thing(0, 3, [0, 0, 9, 9])],
        )
    data = open(tmp_path)
    assert data.parts.tolist() == [Part.TEST, Part.TRAIN, Part.VALIDATION]
    assert data.id(1) == "train/train.jpg"


@pytest.mark.parametrize("name", ["images/1.jpg", "other\\1.jpg", "/data/of/me/1.jpg", "1.jpg"])
def test_images_are_found_by_what_their_names_say(tmp_path: Path, name: str) -> None:
    write(tmp_path / "labels.json", {1: "images/1.jpg"}, [thing(1, 3, [0, 0, 9, 9])])
    text = (tmp_path / "labels.json").read_text()
    (tmp_path / "labels.json").write_text(text.replace('"images/1.jpg"', json.dumps(name)))
    assert open(tmp_path / "labels.json").id(0) == "images/1.jpg"


def test_odd_entries_are_counted_and_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "odd.json",
        {1: "a.jpg", 2: "b.jpg"},
        [
            thing(1, 3, [20, 8, -10, 10]),  # 100: reversed
            thing(1, 3, [5, 5, 0, 9]),  # 101: no area
            thing(1, 3, [41, 5, 9, 4]),  # 102: outside
            thing(1, 3, [-3, 5, 50, 9]),  # 103: beyond an edge
            thing(1, 17, [1, 1, 5, 5]),  # 104
            thing(1, 17, [1, 1, 5, 5]),  # 105: the same
            thing(
                1, 17, [2, 2, 30, 20], iscrowd=1, segmentation={"size": [30, 40], "counts": [1200]}
            ),
            thing(77, 17, [1, 1, 5, 5]),  # 107: of no image
        ],
    )
    data = open(path)
    assert boxes(data).sizes.tolist() == [4, 0]
    assert data[0].target.tolist() == [
        [10, 8, 20, 18, 1, 0], [0, 5, 40, 14, 1, 0], [1, 1, 6, 6, 0, 0], [2, 2, 32, 22, 0, 1]
    ]  # fmt: skip
    for words, number in (
        ("boxes with corners exchanged, put in order", 0),
        ("boxes without area, left out", 1),
        ("boxes outside their image, left out", 2),
        ("boxes beyond an edge of their image, cut there", 3),
        ("boxes that stand there twice, left out once", 5),
        ("crowds, ignored in losses and scores", 6),
        ("annotations of images that are not listed, left out", 7),
    ):
        assert f"{words}: 1: odd.json, annotations[{number}] (id {100 + number})" in data.notes
    assert "images without annotations, taken to show nothing: 1: b.jpg" in data.notes


def test_absent_images_and_other_sizes_are_doubts(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", {1: "a.jpg", 2: "b.jpg"}, [thing(1, 3, [0, 0, 9, 9])] * 2)
    (tmp_path / "b.jpg").unlink()
    Image.new("RGB", (80, 60)).save(tmp_path / "a.jpg")
    found = {note.kind: note for note in open(path).notes if isinstance(note, Doubt)}
    assert found["missing"] == "images that are listed and not there, left out: 1: b.jpg"
    assert found["missing"].severity == "error"
    assert "of another size than their entry says" in found["sizes"]
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(DataError, match=r"names no image that is there.*2: a\.jpg, b\.jpg"):
        open(path)


def test_smaller_things_lie_above_larger_ones(tmp_path: Path) -> None:
    """Also where they are written first; crowds are ignored, but what lies in them is not."""
    full = np.zeros((30, 40), np.uint8, order="F")
    full[20:] = 1
    runs = {"size": [30, 40], "counts": peer.encode(full)["counts"].decode()}
    path = write(
        tmp_path / "x.json",
        {1: "a.jpg"},
        [
            thing(1, 17, [5, 5, 4, 4]),
            thing(1, 3, [2, 2, 20, 10]),
            thing(1, 17, [0, 20, 40, 10], iscrowd=1, segmentation=runs),
            thing(1, 3, [10, 22, 5, 5]),
            thing(1, 3, [30, 2, 8, 8], segmentation=[]),
        ],
    )
    column = masks(open(path))
    expected = np.zeros((30, 40), np.uint8)
    expected[2:12, 2:22] = 2
    expected[5:9, 5:9] = 1
    expected[20:] = 255
    expected[22:27, 10:15] = 2
    expected[2:10, 30:38] = 255  # nobody knows its outline
    assert column.classes == ("background", "cat", "dog")
    np.testing.assert_array_equal(column.read(0), expected)
    told = as_asked(open(path), "segment").notes
    assert (
        "things without an outline, their boxes ignored: 1: x.json, annotations[4] (id 104)" in told
    )


BODY = [{"id": 1, "name": "person", "keypoints": ["nose", "left_eye", "right_eye"]}]


def test_key_points_of_images_that_show_one_body(tmp_path: Path) -> None:
    def body(image: int, *points: float, **more: Any) -> dict[str, Any]:
        return thing(image, 1, [1, 1, 9, 9], keypoints=[*points], **more)

    path = write(
        tmp_path / "person_keypoints_train.json",
        {k: f"{k}.jpg" for k in range(1, 6)},
        [
            body(1, 5, 6, 2, 7, 8, 1, 0, 0, 0),
            body(2, 5, 6, 2, 7, 8, 1, 0, 0, 0),
            body(2, 9, 9, 2, 7, 8, 1, 0, 0, 0),
            body(3, 0, 0, 0, 0, 0, 0, 0, 0, 0),
            body(4, 5, 6, 2, 7, 8, 1, 50, 0, 2),
            body(5, 5, 6, 2, 7, 8, 1, 0, 0, 0),
            thing(5, 1, [0, 0, 20, 20], iscrowd=1),
        ],
        categories=BODY,
    )
    data = open(path)
    column = data.targets["point"]
    assert isinstance(column, Points)
    assert column.pairs == ((1, 2),)
    assert [data.id(k) for k in range(2)] == ["1.jpg", "4.jpg"]
    assert column.array.tolist() == [[[5, 6, 1], [7, 8, 1], [0, 0, 0]]] * 2
    assert "images of several bodies, left out: 2: 2.jpg, 5.jpg" in data.notes
    assert "images without key points, left out: 1: 3.jpg" in data.notes
    assert "key points outside their image, not seen: 1" in notes(data)
    assert boxes(data.alternatives["box"]()).sizes.tolist() == [1, 1, 1, 1, 2]
    write(tmp_path / "instances_train.json", {1: "1.jpg"}, [thing(1, 3, [0, 0, 9, 9])])
    folder = open(tmp_path)
    assert [*folder.targets] == ["box"]
    assert [*as_asked(folder, "keypoints").targets] == ["point"]


@pytest.mark.parametrize(
    ("change", "message", "place"),
    [
        ({"bbox": [1, 2, 3]}, r"has the bbox \[1, 2, 3\]", "annotations[0] (id 100)"),
        ({"bbox": [1, 2, float("nan"), 4]}, "has the bbox", "annotations[0] (id 100)"),
        ({"bbox": None, "segmentation": []}, "has the bbox None", "annotations[0] (id 100)"),
        ({"category_id": 4}, "category_id 4, which is none of 3", "annotations[0] (id 100)"),
        ({"image_id": None}, "has no image_id", "annotations[0] (id 100)"),
    ],
)
def test_entries_that_mean_nothing_are_errors(
    tmp_path: Path, change: dict[str, Any], message: str, place: str
) -> None:
    path = write(tmp_path / "x.json", {1: "a.jpg"}, [{**thing(1, 3, [0, 0, 9, 9]), **change}])
    with pytest.raises(DataError, match=message) as caught:
        open(path)
    assert caught.value.where == f"{path}, {place}"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        ([[1, 2, 3, 4]], r"has the polygon \[1, 2, 3, 4\]"),
        ([[1, 2, 3, 4, 5, 6, 7]], "has the polygon"),
        ({"size": [40, 30], "counts": [1200]}, "has runs for the size"),
        ({"size": [30, 40], "counts": [1, 2]}, "has runs of 3 pixels for 40 × 30"),
        ({"size": [30, 40], "counts": "P"}, "cut short"),
    ],
)
def test_outlines_that_are_none(tmp_path: Path, outline: Any, message: str) -> None:
    path = write(
        tmp_path / "x.json", {1: "a.jpg"}, [thing(1, 3, [0, 0, 9, 9], segmentation=outline)]
    )
    with pytest.raises(DataError, match=message) as caught:
        masks(open(path))
    assert "annotations[0] (id 100)" in str(caught.value.where)


def test_ids_and_names_that_stand_there_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", {1: "a.jpg", 2: "b.jpg"}, [])
    text = path.read_text()
    path.write_text(text.replace('"id": 2', '"id": 1', 1))
    with pytest.raises(DataError, match=r"has the id of images\[0\]"):
        open(path)
    path.write_text(text.replace("b.jpg", "a.jpg"))
    with pytest.raises(DataError, match=r"names a.jpg, as .*images\[0\] \(id 1\) does"):
        open(path)


def test_several_files_of_unknown_parts_are_asked_about(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / f"{name}.json", {1: f"{name}.jpg"}, [thing(1, 3, [0, 0, 9, 9])])
    with pytest.raises(DataError, match="nothing tells the part of each") as caught:
        open(tmp_path)
    assert "by its path" in str(caught.value.remedy)


@pytest.mark.parametrize("task", ["locate", "segment"])
def test_what_split_writes_reads_back_the_same(tmp_path: Path, task: str) -> None:
    images = {k: f"{k}.jpg" for k in range(12)}
    things = [thing(k, 17 if k % 2 else 3, [k, 2, 9, 9], iscrowd=int(k == 7)) for k in images]
    data = as_asked(open(write(tmp_path / "x.json", images, things)), task)
    parts = split(data)
    (tmp_path / "elsewhere").mkdir()
    parts.write(tmp_path / "elsewhere/split.csv", data)
    again = open(tmp_path / "elsewhere/split.csv")
    ((name, column),) = data.targets.items()
    found = again.targets[name]
    assert found.classes == column.classes
    assert found.content() == column.content()
    assert again.parts.tolist() == parts.parts.tolist()


def test_a_change_of_an_outline_changes_the_pack(tmp_path: Path) -> None:
    """Stamps are of the outlines, which have no file of their own."""
    first = masks(open(write(tmp_path / "x.json", {1: "a.jpg"}, [thing(1, 3, [0, 0, 9, 9])])))
    second = masks(open(write(tmp_path / "x.json", {1: "a.jpg"}, [thing(1, 3, [0, 0, 9, 8])])))
    assert first.stamp(0) != second.stamp(0)
    assert first.content() != second.content()


@given(data=st.data())
@settings(
    deadline=None,
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_damaged_files_give_clear_errors_alone(tmp_path: Path, data: st.DataObject) -> None:
    """Cut, with letters exchanged, or with values of other kinds."""
    things = [thing(1, 3, [0, 0, 9, 9], keypoints=[1, 2, 2]), thing(1, 17, [3, 3, 4, 4], iscrowd=1)]
    path = write(tmp_path / "x.json", {1: "a.jpg"}, things)
    text = path.read_text()
    if data.draw(st.booleans()):
        text = text[: data.draw(st.integers(0, len(text)))]
    else:
        told = json.loads(text)
        place: Any = told
        while isinstance(place, dict | list) and place:
            keys = [*place] if isinstance(place, dict) else [*range(len(place))]
            key = data.draw(st.sampled_from(keys))
            if (
                not isinstance(place[key], dict | list)
                or not place[key]
                or data.draw(st.booleans())
            ):
                junk = st.sampled_from([None, -1, 1e99, "", "x", "\0", [], {}, [[]], [None], True])
                place[key] = data.draw(junk)
                break
            place = place[key]
        text = json.dumps(told)
    path.write_text(text)
    for column in ("box", "mask"):
        error = None
        try:
            found = open(path)
            found = found.alternatives.get(column, lambda found=found: found)()
            found.text(0)
        except DataError as caught:
            error = caught
        assert error is None or error.remedy

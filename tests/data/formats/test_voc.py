"""Pascal VOC: boxes are read, and what is wrong with them is said with its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.data.boxes import Boxes
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.open import open
from vitreous.errors import DataError
from vitreous.tasks.asked import as_asked


def thing(
    name: str, left: object, top: object, right: object, bottom: object, extra: str = ""
) -> str:
    corners = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
    return f"<object><name>{name}</name>{extra}<bndbox>{corners}</bndbox></object>"


def write(root: Path, stem: str, *things: str, size: tuple[int, int] = (40, 30)) -> None:
    (root / "JPEGImages").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (9, 99, 9)).save(root / "JPEGImages" / f"{stem}.jpg")
    told = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    annotate(root, stem, f"<annotation>{told}{''.join(things)}</annotation>")


def annotate(root: Path, stem: str, text: str) -> None:
    (root / "Annotations").mkdir(parents=True, exist_ok=True)
    (root / "Annotations" / f"{stem}.xml").write_text(text)


def boxes(data: Dataset) -> Boxes:
    column = data.targets["box"]
    assert isinstance(column, Boxes)
    return column


def test_boxes_with_their_classes(tmp_path: Path) -> None:
    write(tmp_path, "b", thing("dog", 1, 2, 11, 22), thing("cat", 0, 0, 40, 30))
    write(tmp_path, "a")
    write(tmp_path, "c", thing("cat", 3.5, 4, 6, 7.25))
    data = open(tmp_path)
    assert [data.id(k) for k in range(3)] == [f"JPEGImages/{stem}.jpg" for stem in "abc"]
    assert data.classes == ("cat", "dog")
    assert boxes(data).sizes.tolist() == [0, 2, 1]
    assert data[1].target.tolist() == [[1, 2, 11, 22, 1], [0, 0, 40, 30, 0]]
    assert data[2].target.tolist() == [[3.5, 4, 6, 7.25, 0]]
    assert (data.parts == Part.UNASSIGNED).all()
    assert data.notes == ()
    (tmp_path / "SegmentationClass").mkdir()
    assert "--task segment reads the masks in SegmentationClass/" in open(tmp_path).notes[0]


def test_lists_give_the_parts(tmp_path: Path) -> None:
    for stem in "abcde":
        write(tmp_path, stem, thing("cat", 1, 1, 9, 9))
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for name, text in {
        "train": "b\na\n",
        "val": "c\n",
        "trainval": "a\nb\nc\n",
        "test": "d\nz\n",
    }.items():
        (lists / f"{name}.txt").write_text(text)
    (lists / "cat_train.txt").write_text("a  1\nb -1\n")
    data = open(tmp_path)
    assert data.parts.tolist() == [Part.TRAIN, Part.TRAIN, Part.VALIDATION, Part.TEST]
    assert data.notes == (
        "images in none of the lists of ImageSets/Main, left out: 1: e",
        "images that a list names and that are not there: 1: z",
    )
    (lists / "val.txt").write_text("c\nb\n")
    with pytest.raises(DataError, match="b is in the part train as well") as caught:
        open(tmp_path)
    assert str(caught.value.where).endswith("val.txt, line 2")


@pytest.mark.parametrize(
    ("corners", "kept", "words"),
    [
        ((20, 8, 10, 18), [[10, 8, 20, 18, 0]], "with corners exchanged, put in order"),
        ((5, 5, 5, 9), [], "without area, left out"),
        ((41, 5, 50, 9), [], "outside their image, left out"),
        ((-3, 5, 44, 31), [[0, 5, 40, 30, 0]], "beyond an edge of their image, cut there"),
    ],
)
def test_odd_boxes_are_counted_and_named(
    tmp_path: Path, corners: tuple[int, ...], kept: list[list[int]], words: str
) -> None:
    write(tmp_path, "a", thing("cat", 1, 1, 2, 2))
    write(tmp_path, "b", thing("cat", 1, 1, 2, 2), thing("cat", *corners))
    data = open(tmp_path)
    assert data[1].target[1:].tolist() == kept
    assert data.notes == (f"boxes {words}: 1: Annotations/b.xml, object 2",)


def test_difficult_boxes_and_other_sizes_are_told(tmp_path: Path) -> None:
    write(tmp_path, "a", thing("cat", 1, 1, 9, 9, "<difficult>1</difficult>"), size=(80, 60))
    write(tmp_path, "b", thing("cat", 1, 1, 9, 29), size=(30, 40))  # turned, as cameras do
    write(tmp_path, "c", thing("cat", 30, 1, 39, 9), size=(0, 0))
    data = open(tmp_path)
    assert data.notes == (
        "annotations of another size than their image, boxes taken as they are written: "
        "1: Annotations/a.xml",
        "boxes marked as difficult, ignored in losses and scores: 1: Annotations/a.xml, object 1",
    )
    assert data[0].target.tolist() == [[1, 1, 9, 9, 0, 1]]
    assert boxes(data).sizes.tolist() == [1, 1, 1]


def test_what_has_no_partner_is_counted(tmp_path: Path) -> None:
    write(tmp_path, "a", thing("cat", 1, 1, 9, 9))
    for stem in ("b", "c", "d", "e"):
        write(tmp_path, stem)
        (tmp_path / "Annotations" / f"{stem}.xml").unlink()
    annotate(tmp_path, "absent", "<annotation/>")
    data = open(tmp_path)
    assert len(data) == 1
    assert data.notes == (
        "images without an annotation, left out: 4, such as b, c, d",
        "annotations of absent images, left out: 1: absent",
    )
    (tmp_path / "JPEGImages" / "a.jpg").unlink()
    with pytest.raises(DataError, match="no image has an annotation of its name"):
        open(tmp_path)


@pytest.mark.parametrize(
    ("inside", "message", "place"),
    [
        (thing("cat", 1, "nan", 9, 9), "no box of four finite numbers", "object 1"),
        (thing("cat", 1, "", 9, 9), "no box of four finite numbers", "object 1"),
        (thing("", 1, 1, 9, 9), "no name", "object 1"),
        ("<object><name>cat</name></object>", "no box", "object 1"),
        ("\n\n<object>", "is no XML", "line 3"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_named(
    tmp_path: Path, inside: str, message: str, place: str
) -> None:
    write(tmp_path, "a", inside)
    with pytest.raises(DataError, match=message) as caught:
        open(tmp_path)
    assert "Annotations/a.xml" in str(caught.value.where)
    assert place in str(caught.value.where)
    assert caught.value.remedy


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(tmp_path: Path, encoding: str) -> None:
    """Neither a file of the machine is read, nor memory filled."""
    write(tmp_path, "a")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for entity in (f'<!ENTITY x SYSTEM "{secret}">', '<!ENTITY x "xx"><!ENTITY y "&x;&x;">'):
        text = f'<?xml version="1.0" encoding="{encoding}"?>\n<!DOCTYPE a [{entity}]>\n'
        text += f"<annotation>{thing('&x;', 1, 1, 9, 9)}</annotation>"
        (tmp_path / "Annotations" / "a.xml").write_text(text, encoding=encoding)
        with pytest.raises(DataError, match="document type") as caught:
            open(tmp_path)
        assert str(caught.value.where).endswith("a.xml, line 2")


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", "<x>" * 100_000 + "</x>" * 100_000)
    with pytest.raises(DataError, match="deep"):
        open(tmp_path)


def test_an_image_that_is_damaged_is_left_to_decoding(tmp_path: Path) -> None:
    write(tmp_path, "a", thing("cat", 1, 1, 99, 9))
    (tmp_path / "JPEGImages" / "a.jpg").write_bytes(b"no image")
    data = open(tmp_path)
    assert np.asarray(boxes(data).array).tolist() == [[1, 1, 40, 9]]  # by the size that is written


def draw(root: Path, stem: str, rows: list[list[int]]) -> None:
    """A mask with a palette, as the challenge has them."""
    mask = Image.fromarray(np.array(rows, np.uint8).repeat(15, 0).repeat(20, 1), "P")
    mask.putpalette([n * k % 256 for n in range(256) for k in (3, 5, 7)])
    (root / "SegmentationClass").mkdir(parents=True, exist_ok=True)
    mask.save(root / "SegmentationClass" / f"{stem}.png")


def test_masks_of_the_challenge_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    for stem in "abc":
        write(tmp_path, stem, thing("cat", 1, 1, 9, 9))
    draw(tmp_path, "a", [[0, 8], [8, 255]])
    draw(tmp_path, "b", [[15, 15], [0, 0]])
    draw(tmp_path, "d", [[1, 1], [1, 1]])
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    (lists / "val.txt").write_text("b\n")
    data = open(tmp_path)
    assert [*data.targets] == ["box"]
    masks = as_asked(data, "segment")
    assert [*masks.targets] == ["mask"]
    assert masks.classes[8] == "cat"
    assert len(masks.classes) == 21
    assert masks.parts.tolist() == [Part.TRAIN, Part.VALIDATION]
    assert np.unique(masks[0].target).tolist() == [0, 8, 255]
    assert masks.notes == (
        "images without a mask, left out: 1: c",
        "masks of absent images, left out: 1: d",
        "the numbers of the masks are taken for the 21 classes of Pascal's challenge",
    )
    shutil.rmtree(tmp_path / "Annotations")
    alone = open(tmp_path)
    assert [*alone.targets] == ["mask"]
    assert len(alone.classes) == 16  # by number: nothing tells that it is the challenge


def test_a_box_that_stands_there_twice_counts_once(tmp_path: Path) -> None:
    write(
        tmp_path, "a", thing("cat", 1, 1, 9, 9), thing("dog", 1, 1, 9, 9), thing("cat", 1, 1, 9, 9)
    )
    data = open(tmp_path)
    assert boxes(data).sizes.tolist() == [2]
    assert data.notes == (
        "boxes that stand there twice, left out once: 1: Annotations/a.xml, object 3",
    )

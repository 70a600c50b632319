"""Pascal VOC: `JPEGImages/`, and beside it `Annotations/` with an XML file of boxes an image.

An image and its annotation have the same name, up to the ending. Lists in `ImageSets/Main/` say
which part an image belongs to. Corners are taken as edges in pixels, as annotation tools write
them; those of the original challenge are counted from 1, which shifts a box by less than a pixel.
Everingham et al. (2010), "The Pascal visual object classes challenge".
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from vitreous.data.boxes import Boxes
from vitreous.data.class_names import clean, doubts
from vitreous.data.dataset import Part
from vitreous.data.formats.folder_walk import walk
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.xml_tree import read_xml
from vitreous.data.images.decode import header
from vitreous.data.images.read_file import printable
from vitreous.data.manifest_words import number
from vitreous.data.names import Names
from vitreous.errors import DataError, ImageError

IMAGES, ANNOTATIONS = "JPEGImages", "Annotations"
MASKS = "SegmentationClass"
LISTS = {"train": Part.TRAIN, "val": Part.VALIDATION, "test": Part.TEST}
CORNERS = ("xmin", "ymin", "xmax", "ymax")
SHOWN = 3  # places in a note

Box = tuple[float, float, float, float]


def is_voc(folder: Path, names: set[str]) -> bool:
    """Does a folder with these names in it hold images and annotations in Pascal's layout?"""
    return {IMAGES, ANNOTATIONS} <= names and all(
        (folder / name).is_dir() for name in (IMAGES, ANNOTATIONS)
    )


def open_voc(root: Path) -> FileDataset:
    """The images that have an annotation, with their boxes.

    What is left out or mended is counted in the notes: images without an annotation, annotations
    of absent images, boxes outside their image or without area. Raises DataError with the file for
    an annotation that cannot be read.
    """
    images = _images(root)
    written = {path.stem: path for path in sorted((root / ANNOTATIONS).glob("*.xml"))}
    parts = _parts(root)
    found = _Found(root)
    for stem in sorted(images.keys() & written.keys()):
        if parts and stem not in parts:
            found.told["images in none of the lists of ImageSets/Main, left out"].append(stem)
        else:
            found.add(images[stem], written[stem], parts.get(stem, Part.UNASSIGNED))
    for words, alone in (
        ("images without an annotation, left out", images.keys() - written.keys()),
        ("annotations of absent images, left out", written.keys() - images.keys()),
        ("images that a list names and that are not there", parts.keys() - images.keys()),
    ):
        found.told[words] += sorted(alone)
    notes = [f"{words}: {_some(places)}" for words, places in found.told.items() if places]
    if (root / MASKS).is_dir():
        notes.append(f"the masks in {MASKS}/ are not read; a CSV file with path,mask names them")
    if not found.names:
        raise DataError(
            f"no image has an annotation of its name; {'; '.join(notes) or 'there are no images'}",
            where=printable(root),
            remedy=f"Give both the same name, such as {IMAGES}/1.jpg and {ANNOTATIONS}/1.xml.",
        )
    return FileDataset(
        root,
        Names(found.names),
        {"box": found.boxes()},
        parts=np.array(found.parts, np.int8),
        notes=[*notes, *doubts(sorted(set(found.words)))],
    )


class _Found:
    """Images and their boxes, gathered annotation by annotation."""

    def __init__(self, root: Path):
        self.root = root
        self.names: list[bytes] = []
        self.parts: list[Part] = []
        self.sizes: list[int] = []
        self.corners: list[Box] = []
        self.words: list[str] = []
        self.told: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, image: bytes, path: Path, part: Part) -> None:
        tree = read_xml(path)
        size, agreed = _size(tree, self.root / os.fsdecode(image))
        if not agreed:
            words = "annotations of another size than their image, boxes taken as they are written"
            self.told[words].append(f"{ANNOTATIONS}/{path.name}")
        before = len(self.corners)
        for place, thing in enumerate(tree.iter("object"), 1):
            self._add_box(thing, f"{ANNOTATIONS}/{path.name}, object {place}", size)
        self.names.append(image)
        self.parts.append(part)
        self.sizes.append(len(self.corners) - before)

    def _add_box(self, thing: Element, where: str, size: tuple[float, float] | None) -> None:
        word = (thing.findtext("name") or "").strip()
        given = [number((thing.findtext(f"bndbox/{name}") or "").strip()) for name in CORNERS]
        left, top, right, bottom = (value or 0.0 for value in given)
        if not word or None in given:
            missing = "no name" if not word else "no box of four finite numbers"
            raise DataError(
                f"has {missing}",
                where=f"{printable(self.root)}/{where}",
                remedy="Write <name>, and <bndbox> with <xmin>, <ymin>, <xmax> and <ymax>.",
            )
        if left > right or top > bottom:
            self.told["boxes with corners exchanged, put in order"].append(where)
            left, right = sorted((left, right))
            top, bottom = sorted((top, bottom))
        if left == right or top == bottom:
            self.told["boxes without area, left out"].append(where)
            return
        if size:
            width, height = size
            inside = (max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height))
            if inside[0] >= inside[2] or inside[1] >= inside[3]:
                self.told["boxes outside their image, left out"].append(where)
                return
            if inside != (left, top, right, bottom):
                self.told["boxes beyond an edge of their image, cut there"].append(where)
            left, top, right, bottom = inside
        if (thing.findtext("difficult") or "").strip() == "1":
            self.told["boxes marked as difficult, kept like the others"].append(where)
        self.corners.append((left, top, right, bottom))
        self.words.append(clean(word))

    def boxes(self) -> Boxes:
        classes = sorted(set(self.words))
        place = {name: number for number, name in enumerate(classes)}
        return Boxes(
            np.array(self.corners, np.float32),
            np.array(self.sizes),
            np.array([place[word] for word in self.words], np.int64) if classes else None,
            classes,
        )


def _images(root: Path) -> dict[str, bytes]:
    """The image files, relative to the root, by their names without endings."""
    found: dict[str, bytes] = {}
    for below, contents in walk(os.fsencode(root), os.fsencode(IMAGES)):
        for image in contents.images:
            stem = os.path.splitext(os.fsdecode(image))[0]
            if stem in found:
                raise DataError(
                    f"two images are called {printable(stem)}",
                    where=printable(root / IMAGES),
                    remedy="Keep one of them.",
                )
            found[stem] = os.path.join(below, image)
    return found


def _parts(root: Path) -> dict[str, Part]:
    """The part of each image that the lists name; empty where there are no lists."""
    parts: dict[str, Part] = {}
    for word, part in LISTS.items():
        path = root / "ImageSets" / "Main" / f"{word}.txt"
        if not path.is_file():
            continue
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        for line, text in enumerate(lines, 1):
            stem = text.strip()
            if stem and parts.setdefault(stem, part) is not part:
                raise DataError(
                    f"{printable(stem)} is in the part {parts[stem].name.lower()} as well",
                    where=f"{printable(path)}, line {line}",
                    remedy="Keep each image in one list.",
                )
    return parts


def _size(tree: Element, image: Path) -> tuple[tuple[float, float] | None, bool]:
    """Width and height of an image, if they are known; and is that what is written of it?

    A camera may have been turned: both orders of the file's width and height are the image's.
    """
    width, height = (number(tree.findtext(f"size/{name}") or "") for name in ("width", "height"))
    written = (width, height) if width and height else None
    try:
        read = header(image)
    except ImageError:  # named later, when it is to be decoded
        return written, True
    own = float(read.width), float(read.height)
    if written is None or written in (own, own[::-1]):
        return written or own, True
    return own, False


def _some(places: list[str]) -> str:
    shown = ", ".join(printable(place) for place in places[:SHOWN])
    return f"{len(places):,}, such as {shown}" if len(places) > SHOWN else f"{len(places)}: {shown}"

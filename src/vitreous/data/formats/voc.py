"""Pascal VOC: `JPEGImages/`, and beside it `Annotations/` with an XML file of boxes an image, or
`SegmentationClass/` with a mask, or both.

An image and its annotation have the same name, up to the ending. Lists in `ImageSets/Main/` (of
masks in `ImageSets/Segmentation/`) say which part an image belongs to. Corners are taken as edges
in pixels, as annotation tools write them; those of the original challenge are counted from 1, which
shifts a box by less than a pixel. Objects marked as difficult are ignored, as they are there.
Everingham et al. (2010), "The Pascal visual object classes challenge".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from vitreous.data.columns import Column
from vitreous.data.dataset import Part
from vitreous.data.formats.folder_walk import walk
from vitreous.data.formats.found_boxes import FoundBoxes, some
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.mask_files import masks_in_files
from vitreous.data.formats.xml_tree import read_xml
from vitreous.data.images.decode import header
from vitreous.data.images.read_file import printable
from vitreous.data.manifest_words import number
from vitreous.data.names import Names
from vitreous.errors import DataError, ImageError

IMAGES, ANNOTATIONS, MASKS = "JPEGImages", "Annotations", "SegmentationClass"
LISTS = {"train": Part.TRAIN, "val": Part.VALIDATION, "test": Part.TEST}
CORNERS = ("xmin", "ymin", "xmax", "ymax")
CHALLENGE = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"),
    *("sheep", "sofa", "train", "tvmonitor"),
)
"""The numbers of the masks of the challenge, which carries no file of names."""
ASKED = 200  # annotations that are read to learn whether the classes are those of the challenge


def is_voc(folder: Path, names: set[str]) -> bool:
    """Does a folder with these names in it hold images and annotations in Pascal's layout?"""
    return {IMAGES} <= names and any(
        (folder / name).is_dir() for name in (ANNOTATIONS, MASKS) if (folder / IMAGES).is_dir()
    )


def open_voc(root: Path) -> FileDataset:
    """The images that have an annotation, with their boxes; or with their masks, where there are no
    boxes.

    What is left out or mended is counted in the notes: images without an annotation, annotations
    of absent images, boxes outside their image or without area. Raises DataError with the file for
    an annotation that cannot be read.
    """
    if not (root / ANNOTATIONS).is_dir():
        return _with_masks(root)
    found = _Found(root)
    notes, chosen = _chosen(root, "Main", ANNOTATIONS, ".xml", "an annotation", "annotations")
    for image, path, part in chosen:
        found.add(image, path, part)
    data = _dataset(root, chosen, {"box": found.boxes.boxes()}, [*found.boxes.notes(), *notes])
    if (root / MASKS).is_dir():
        data.alternatives = {"mask": partial(_with_masks, root)}
        data.notes += (f"boxes are read; --task segment reads the masks in {MASKS}/",)
    return data


def _with_masks(root: Path) -> FileDataset:
    """The images that have a mask."""
    notes, chosen = _chosen(root, "Segmentation", MASKS, ".png", "a mask", "masks")
    names = Names(os.path.relpath(path, root) for _, path, _ in chosen)
    column, note = masks_in_files(root, names, CHALLENGE if _is_challenge(root) else None)
    if column.classes == CHALLENGE:
        note = "the numbers of the masks are taken for the 21 classes of Pascal's challenge"
    return _dataset(root, chosen, {"mask": column}, [*notes, *([note] if note else [])])


def _dataset(
    root: Path, chosen: list[Chosen], targets: Mapping[str, Column], notes: list[str]
) -> FileDataset:
    parts = np.array([part for _, _, part in chosen], np.int8)
    names = Names(image for image, _, _ in chosen)
    return FileDataset(root, names, targets, parts=parts, notes=notes)


Chosen = tuple[bytes, Path, Part]  # an image, relative to the root; its annotation; its part


def _chosen(
    root: Path, lists: str, folder: str, suffix: str, one: str, many: str
) -> tuple[list[str], list[Chosen]]:
    """What was left out, in words; and the images with their annotations. Raises DataError if there
    are none.
    """
    images = _images(root)
    written = {path.stem: path for path in sorted((root / folder).glob(f"*{suffix}"))}
    parts = _parts(root, lists)
    both = sorted(images.keys() & written.keys())
    unlisted = [stem for stem in both if parts and stem not in parts]
    told = {
        f"images in none of the lists of ImageSets/{lists}, left out": unlisted,
        f"images without {one}, left out": sorted(images.keys() - written.keys()),
        f"{many} of absent images, left out": sorted(written.keys() - images.keys()),
        "images that a list names and that are not there": sorted(parts.keys() - images.keys()),
    }
    notes = [f"{words}: {some(places)}" for words, places in told.items() if places]
    chosen = [
        (images[stem], written[stem], parts.get(stem, Part.UNASSIGNED))
        for stem in both
        if not parts or stem in parts
    ]
    if not chosen:
        raise DataError(
            f"no image has {one} of its name; {'; '.join(notes) or 'there are no images'}",
            where=printable(root),
            remedy=f"Give both the same name, such as {IMAGES}/1.jpg and {folder}/1{suffix}.",
        )
    return notes, chosen


class _Found:
    """Boxes, gathered annotation by annotation."""

    def __init__(self, root: Path):
        self.root, self.boxes = root, FoundBoxes()

    def add(self, image: bytes, path: Path, part: Part) -> None:
        tree = read_xml(path)
        size, agreed = _size(tree, self.root / os.fsdecode(image))
        if not agreed:
            words = "annotations of another size than their image, boxes taken as they are written"
            self.boxes.told[words].append(f"{ANNOTATIONS}/{path.name}")
        self.boxes.begin()
        for place, thing in enumerate(tree.iter("object"), 1):
            self._add_box(thing, f"{ANNOTATIONS}/{path.name}, object {place}", size)

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
        difficult = (thing.findtext("difficult") or "").strip() == "1"
        if self.boxes.add((left, top, right, bottom), word, where, size, difficult) and difficult:
            words = "boxes marked as difficult, ignored in losses and scores"
            self.boxes.told[words].append(where)


def _is_challenge(root: Path) -> bool:
    """Are the first classes that boxes have all among those of the challenge?"""
    trees = map(read_xml, sorted((root / ANNOTATIONS).glob("*.xml"))[:ASKED])
    words = {(thing.findtext("name") or "").strip() for t in trees for thing in t.iter("object")}
    return bool(words) and words <= {*CHALLENGE}


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


def _parts(root: Path, lists: str) -> dict[str, Part]:
    """The part of each image that the lists name; empty where there are no lists."""
    parts: dict[str, Part] = {}
    for word, part in LISTS.items():
        path = root / "ImageSets" / lists / f"{word}.txt"
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

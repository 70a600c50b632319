"""YOLO: images, and beside them files of labels with a line for each thing.

`data.yaml` names the classes and the parts; without it `images/` and `labels/` lie side by side, in
each of `train/` and `val/`, or with these folders in both. The labels of `images/1.jpg` are
`labels/1.txt`, or `images/1.txt`; where there are none, the image shows nothing. Boxes are read;
outlines as masks when they are asked for, of which smaller ones lie above larger ones.
"""

from __future__ import annotations

import os
from collections import defaultdict
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from vitreous.data.boxes import Boxes
from vitreous.data.class_names import clean
from vitreous.data.dataset import Part
from vitreous.data.formats.drawn_masks import Region, drawn_maps
from vitreous.data.formats.folder_walk import images_below
from vitreous.data.formats.found_boxes import FoundBoxes, some, told_of
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.part_words import WORD, likely_part
from vitreous.data.formats.text_lines import read_text_lines
from vitreous.data.formats.yolo_labels import Thing, read_labels
from vitreous.data.formats.yolo_yaml import YoloData, is_yolo_yaml, read_yolo_yaml
from vitreous.data.images.decode import upright_size
from vitreous.data.images.read_file import printable
from vitreous.data.maps import Maps
from vitreous.data.names import Names
from vitreous.errors import DataError, ImageError
from vitreous.formats import counted

IMAGES, LABELS = "images", "labels"
NAMES = ("classes.txt", "obj.names", "_darknet.labels")  # of classes, a line each
BARE = "images without a file of labels, taken to show nothing"
ALONE = "files of labels without an image, left out"
LOOKED = 200  # entries of a folder that are looked at


def is_yolo(root: Path, names: set[str]) -> bool:
    """Is there a data.yaml, or a folder of label files beside one of images?"""
    return any(is_yolo_yaml(root / name) for name in names) or bool(_pairs(root, names))


def open_yolo_folder(root: Path) -> FileDataset:
    names = {name for name in os.listdir(root) if not name.startswith(".")}
    files = sorted(name for name in names if is_yolo_yaml(root / name))
    if len(files) > 1:
        raise DataError(
            f"has {len(files)} files that name parts: {some(files)}",
            where=printable(root),
            remedy="Open one of them by its path.",
        )
    if files:
        return open_yolo(root / files[0])
    listed = next((root / name for name in NAMES if name in names), None)
    classes = [line.strip() for line in read_text_lines(listed)] if listed else None
    found = YoloData([name for name in classes if name] if classes else None)
    for part, folder in _pairs(root, names):
        below = images_below(os.fsencode(folder))[0]
        for name in sorted(below):
            own = likely_part(os.fsdecode(name).split(os.sep)[0]) if b"/" in name else None
            place = folder / os.fsdecode(name)
            found.images.setdefault(part if own is None else own, []).append(place)
    if classes is None:
        found.notes.append("classes have no names: write data.yaml with names, train and val")
    return _open(root, found, "box")


def open_yolo(path: Path) -> FileDataset:
    """The images of a data.yaml. Raises DataError with the file and the line."""
    return _open(path.parent, read_yolo_yaml(path), "box")


def _pairs(root: Path, names: set[str]) -> list[tuple[Part, Path]]:
    """Folders of images that have a folder of label files beside them, with their part."""
    places = [(Part.UNASSIGNED, root)]
    for name in sorted(names):
        part = likely_part(name)
        if os.path.isdir(root / name):
            places.append((Part.UNASSIGNED if part is None else part, root / name))
    return [
        (part, place / IMAGES)
        for part, place in places
        if os.path.isdir(place / IMAGES) and _holds_labels(place / LABELS)
    ]


def _holds_labels(folder: Path) -> bool:
    """Are there text files in a folder, or right below it?"""
    names = (name for _, _, files in os.walk(folder) for name in files)
    return any(name.endswith(".txt") for name in islice(names, LOOKED))


class _Found:
    """Images with the things that their labels tell, part by part."""

    def __init__(self, root: Path, data: YoloData):
        self.names: list[str] = []
        self.parts: list[Part] = []
        self.sizes: list[tuple[int, int]] = []  # height and width
        self.things: list[list[Thing]] = []
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        parts: dict[str, Part] = {}
        labels: set[str] = set()
        for part, images in data.images.items():
            for image in images:
                name = os.path.relpath(image, root)
                if parts.setdefault(name, part) != part:
                    raise DataError(
                        f"is in the {WORD[part]} and the {WORD[parts[name]]} part",
                        where=printable(image),
                        remedy="Keep each image in one part.",
                    )
                label = next((p for p in labels_of(image) if p.is_file()), None)
                labels.add(os.path.normpath(label or labels_of(image)[0]))
                if label is None:
                    self.told[BARE].append(name)
                self._add(name, part, image, read_labels(label, data.classes) if label else [])
        if len(self.told[BARE]) == len(self.names):
            raise DataError(
                f"has no labels for any of {counted(len(self.names), 'image')}",
                where=printable(root),
                remedy="Put labels/1.txt beside images/1.jpg, with a line `class x y width height` "
                "for each thing.",
            )
        folders = {os.path.dirname(label) for label in labels}
        there = {os.path.join(f, n) for f in folders if os.path.isdir(f) for n in os.listdir(f)}
        texts = (path for path in there - labels if path.endswith(".txt"))
        alone = sorted(path for path in texts if os.path.basename(path) not in NAMES)
        self.told[ALONE] += (os.path.relpath(path, root) for path in alone)
        named = max((thing.number + 1 for each in self.things for thing in each), default=0)
        self.classes = data.classes or [str(number) for number in range(named)]

    def _add(self, name: str, part: Part, image: Path, things: list[Thing]) -> None:
        try:
            size = upright_size(image)
        except ImageError:  # named later, when it is to be decoded
            size, things = (1, 1), []
        self.names.append(name)
        self.parts.append(part)
        self.sizes.append(size)
        self.things.append(things)

    def boxes(self) -> tuple[Boxes, list[str]]:
        boxes = FoundBoxes()
        for (height, width), things in zip(self.sizes, self.things, strict=True):
            boxes.begin()
            size = float(width), float(height)
            for thing in things:
                boxes.add(thing.box(size), self.classes[thing.number], thing.entry, size)
        return boxes.boxes(), [*boxes.notes()]

    def masks(self) -> tuple[Maps, list[str]]:
        """Larger things first: the smaller ones lie above them. Of what has a box and no outline
        nobody knows the pixels: they are ignored.
        """
        told: defaultdict[str, list[str]] = defaultdict(list)
        regions: list[list[Region]] = []
        for (height, width), things in zip(self.sizes, self.things, strict=True):
            drawn = []
            for thing in things:
                corners = thing.pixels((width, height)).astype(np.float32)
                word = clean(self.classes[thing.number]) if thing.outlined else ""
                if not thing.outlined:
                    told["things without an outline, their boxes ignored"].append(thing.entry)
                    left, top, right, bottom = corners.ravel()
                    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
                region = Region(word, (corners,))
                drawn.append((-int(region.mask((height, width)).sum()), region))
            regions.append([region for _, region in sorted(drawn, key=lambda each: each[0])])
        return drawn_maps(np.array(self.sizes), regions), [*told_of(told)]


def _open(root: Path, data: YoloData, column: str) -> FileDataset:
    found = _Found(root, data)
    target, notes = found.masks() if column == "mask" else found.boxes()
    used = {thing.number for things in found.things for thing in things}
    unused = [name for number, name in enumerate(found.classes) if number not in used]
    made = FileDataset(
        root,
        Names(found.names),
        {column: target},
        parts=np.array(found.parts, np.int8),
        notes=[
            "images and labels in YOLO's layout",
            *notes,
            *told_of(found.told),
            *([f"classes of which there is none, left out: {some(unused)}"] if unused else []),
            *data.notes,
        ],
    )
    if column == "box" and any(thing.outlined for things in found.things for thing in things):
        made.alternatives = {"mask": partial(_open, root, data, "mask")}
        made.notes += ("boxes are read; --task segment reads the outlines as masks",)
    return made


def labels_of(image: Path) -> list[Path]:
    """Where the labels of an image may lie: in labels/ for images/, or else beside it."""
    beside = image.with_suffix(".txt")
    parts = [*beside.parts]
    if IMAGES not in parts[:-1]:
        return [beside]
    last = len(parts) - 2 - parts[-2::-1].index(IMAGES)
    return [Path(*parts[:last], LABELS, *parts[last + 1 :]), beside]

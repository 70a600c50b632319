"""COCO: JSON files of boxes, outlines and key points, and the folders of images beside them.

`annotations/instances_train2017.json` with `train2017/`, `_annotations.coco.json` within `train/`,
or a file that is given by its name. Boxes are read; masks when they are asked for: larger things
are drawn first and smaller ones above them, what is marked as a crowd is ignored, and so is the box
of a thing without an outline. A file whose categories have key points gives these, of images that
show one body.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from vitreous.data.dataset import Part
from vitreous.data.formats.coco_images import CocoImages
from vitreous.data.formats.coco_json import looks_like_coco, read_coco, read_json
from vitreous.data.formats.coco_targets import TARGETS
from vitreous.data.formats.found_boxes import some
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.part_words import LIKELY, pieces
from vitreous.data.images.read_file import printable
from vitreous.data.names import Names
from vitreous.errors import DataError

FOLDERS = ("annotations", "Annotations", "annotation", "labels")
OTHERS = {"captions", "panoptic", "stuff", "info"}  # words for files of other tasks
LOOKED = 200  # files of a folder that are looked at
WORDS = {"box": "boxes", "mask": "outlines as masks", "point": "key points"}


def coco_files(root: Path, names: Iterable[str]) -> list[Path]:
    """The annotations in a folder with these names in it, in `annotations/`, or in its parts."""
    places = [root, *(root / name for name in sorted(names) if (root / name).is_dir())]
    return [
        path
        for place in places
        for path in sorted(place.glob("*.json"))[:LOOKED]
        if looks_like_coco(path)
    ]


def is_coco(root: Path, names: set[str]) -> bool:
    """Are there annotations as COCO writes them?"""
    return bool(coco_files(root, names))


def open_coco_folder(root: Path, column: str = "") -> FileDataset:
    """The images of all parts; see `open_coco`."""
    files = coco_files(root, os.listdir(root))
    other = [path for path in files if OTHERS & {*pieces(path.stem)}]
    files = [path for path in files if path not in other]
    bodies = [path for path in files if "keypoints" in pieces(path.stem)]
    things = [path for path in files if path not in bodies]
    both = bool(bodies and things)
    if both:
        files, unread = (bodies, things) if column == "point" else (things, bodies)
        other += unread
    parts = {path: _part(path, root) for path in files}
    if any(part != Part.UNASSIGNED for part in parts.values()):
        other += [path for path in files if parts[path] == Part.UNASSIGNED]
        files = [path for path in files if parts[path] != Part.UNASSIGNED]
    elif len(files) > 1:
        raise DataError(
            f"has {len(files)} files of annotations, and nothing tells the part of each: "
            f"{some([path.name for path in files])}",
            where=printable(root),
            remedy="Open one of them by its path, or call them instances_train.json, …",
        )
    shown = some([os.path.relpath(path, root) for path in other]) if other else ""
    if not files:
        raise DataError(
            f"has no annotations of boxes, outlines or key points, only {shown}",
            where=printable(root),
            remedy="Add instances_train.json, or open one of these files by its path.",
        )
    notes = [f"annotations that are not read: {shown}"] if other else []
    data = _open(root, [(path, parts[path]) for path in files], column, notes)
    if both:
        column = "box" if column == "point" else "point"
        data.alternatives = {**data.alternatives, column: partial(open_coco_folder, root, column)}
    return data


def open_coco(path: Path, column: str = "") -> FileDataset:
    """The images that a file of annotations names, with their boxes, or their key points.

    column  what to read: box, mask or point; "" for what the file is about

    What is left out or mended is counted in the notes. Raises DataError with file and entry.
    """
    root = path.parent.parent if path.parent.name in FOLDERS else path.parent
    return _open(root, [(path, Part.UNASSIGNED)], column, [])


def _open(
    root: Path, files: list[tuple[Path, Part]], column: str, before: list[str]
) -> FileDataset:
    found, notes, offered = CocoImages(root), [*before], {"box"}
    for path, part in files:
        told = read_json(path)
        if isinstance(told, dict) and "annotations" not in told:
            notes.append(f"{printable(path.name)} has no annotations, and is left out")
            continue
        file = read_coco(told, path)
        found.add(file, part)
        offered |= {"point"} if file.keypoints else set()
        offered |= (
            {"mask"} if any(a.fields.get("segmentation") for a in file.annotations) else set()
        )
    if not found.names:
        raise DataError(
            "; ".join(["names no image that is there", *notes, *found.notes()]),
            where=printable(files[0][0]),
            remedy=f"Put the images below {printable(root)}/, under the names in file_name.",
        )
    column = column or ("point" if "point" in offered else "box")
    target, kept, told = TARGETS[column](found)
    ids = np.arange(len(found.names)) if kept is None else kept
    shown = ", ".join(printable(os.path.relpath(path, root)) for path, _ in files)
    data = FileDataset(
        root,
        Names(found.names[index] for index in ids.tolist()),
        {column: target},
        parts=np.array(found.parts, np.int8)[ids],
        notes=[f"annotations in COCO's format: {shown}", *told, *found.notes(), *notes],
    )
    others = sorted(offered - {column})
    data.alternatives = {name: partial(_open, root, files, name, before) for name in others}
    if others:
        rest = " or ".join(WORDS[name] for name in others)
        data.notes += (f"{WORDS[column]} are read; a --task that needs {rest} reads those",)
    return data


def _part(path: Path, root: Path) -> Part:
    """The part that the name of a file tells, or that of its folder."""
    for name in (path.stem, *([path.parent.name] if path.parent != root else [])):
        parts = {LIKELY[word] for word in pieces(name) if word in LIKELY}
        if len(parts) == 1:
            return next(iter(parts))
    return Part.UNASSIGNED

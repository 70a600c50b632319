"""Masks beside images: `images/` and `masks/`, perhaps in each of `train/`, `val/` and `test/`.

An image and its mask have the same name, up to the ending and a word such as `_mask`. What has no
partner is left out, counted and said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vitreous.data.dataset import Part
from vitreous.data.formats.folder_walk import walk
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.mask_files import masks_in_files
from vitreous.data.formats.part_words import PARTS, WORD, likely_parts
from vitreous.data.images.read_file import printable
from vitreous.data.names import Names
from vitreous.errors import DataError
from vitreous.formats import counted

PAIRS = (("images", "masks"), ("images", "mask"), ("image", "mask"), ("image", "label"))
MARK = re.compile(r"[-_ ](masks?|labels?|seg|segmentation|gt)$", re.IGNORECASE)
SHOWN = 3  # names in a note


def is_masks(folder: Path, names: set[str]) -> bool:
    """Does a folder with these names in it hold images and masks?"""
    return bool(_layout(folder, names))


def open_masks(root: Path) -> FileDataset:
    """The images below `root` that have a mask. Raises DataError: what was found, and expected."""
    layout = _layout(root, set(os.listdir(root)))
    images: list[bytes] = []
    masks: list[bytes] = []
    parts: list[Part] = []
    notes: list[str] = []
    for name, part in {of_images.split(os.sep)[0]: part for part, of_images, _ in layout}.items():
        if part != Part.UNASSIGNED and name.lower() not in PARTS:
            notes.append(f"{printable(name)}/ is taken for the {WORD[part]} part")
    for part, of_images, of_masks in layout:
        pictures, drawn = _by_name(root, of_images), _by_name(root, of_masks)
        stems = [stem for stem in pictures if stem in drawn]
        images += (pictures[stem] for stem in stems)
        masks += (drawn[stem] for stem in stems)
        parts += [part] * len(stems)
        for found, others, words in (
            (pictures, drawn, "without a mask"),
            (drawn, pictures, "that belong to no image"),
        ):
            alone = [found[stem] for stem in found if stem not in others]
            if alone:
                notes.append(f"files {words}, left out: {_some(alone)}")
    if not images:
        raise DataError(
            f"no image has a mask of its name; {'; '.join(notes) or 'there are no images'}",
            where=printable(root),
            remedy="Give both the same name, such as images/1.jpg and masks/1.png.",
        )
    column, note = masks_in_files(root, Names(masks))
    return FileDataset(
        root,
        Names(images),
        {"mask": column},
        parts=np.array(parts, np.int8),
        notes=[*notes, note] if note else notes,
    )


def _layout(root: Path, names: set[str]) -> list[tuple[Part, str, str]]:
    """Each part with the folder of its images and that of its masks, relative to the root."""
    lowered = {name.lower(): name for name in names}
    for one, other in PAIRS:
        if one in lowered and other in lowered:
            pair = lowered[one], lowered[other]
            return [(Part.UNASSIGNED, *pair)] if all((root / p).is_dir() for p in pair) else []
    found = []
    for name, part in sorted(likely_parts(sorted(names)).items(), key=lambda item: item[0].lower()):
        if (root / name).is_dir():
            for _, one, other in _layout_of_part(root / name):
                found.append((part, os.path.join(name, one), os.path.join(name, other)))
    return found


def _layout_of_part(folder: Path) -> list[tuple[Part, str, str]]:
    names = os.listdir(folder)
    return _layout(folder, set(names) - likely_parts(names).keys())


def _by_name(root: Path, folder: str) -> dict[str, bytes]:
    """The image files below a folder, by their path in it, without endings and marks."""
    found: dict[str, bytes] = {}
    for name in _files(root, folder):
        path = printable(os.fsdecode(os.path.relpath(name, os.fsencode(folder))))
        stem = MARK.sub("", os.path.splitext(path)[0])
        if stem in found:
            raise DataError(
                f"{printable(os.fsdecode(found[stem]))} and {printable(os.fsdecode(name))} have "
                "one name",
                where=printable(root),
                remedy="Keep one of them.",
            )
        found[stem] = name
    return found


def _files(root: Path, folder: str) -> Iterator[bytes]:
    for below, contents in walk(os.fsencode(root), os.fsencode(folder)):
        for name in contents.images:
            yield os.path.join(below, name)


def _some(names: list[bytes]) -> str:
    shown = ", ".join(printable(os.fsdecode(name)) for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{counted(len(names), 'file')}, such as {shown}{more}"

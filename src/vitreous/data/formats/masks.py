"""Masks beside images: `images/` and `masks/`, in each of `train/`, `val/` and `test/` or without;
or `train/` and `trainannot/`, as in CamVid; or `1.png` and `1_mask.png`. Likewise depths, and the
clean pictures of noisy ones.

An image and its mask have the same name, up to the ending and a mark such as `_mask` or `_L`. What
has no partner is left out, counted and said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator
from pathlib import Path

import numpy as np

from vitreous.data.dataset import Part
from vitreous.data.formats.folder_walk import walk
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.map_files import depths_in_files, pictures_in_files
from vitreous.data.formats.mask_files import masks_in_files
from vitreous.data.formats.mask_layout import MARKS, Pair, layout
from vitreous.data.formats.part_words import PARTS, WORD
from vitreous.data.images.read_file import printable
from vitreous.data.names import Names
from vitreous.errors import DataError
from vitreous.formats import counted

MARK = re.compile(
    r"[-_ ](masks?|labels?|labelids|annot|annotations?|seg|segmentation|gt|L|P|depth|disparity|"
    r"clean|target)$",
    re.IGNORECASE,
)
NOISY = re.compile(r"[-_ ](noisy|input|rgb|image)$", re.IGNORECASE)
NOUNS = {"mask": "mask", "depth": "depth map", "clean": "clean picture"}
COLUMNS = {"mask": masks_in_files, "depth": depths_in_files, "clean": pictures_in_files}
"""How the files of each kind become a column."""
SHOWN = 3  # names in a note


def is_masks(folder: Path, names: set[str]) -> bool:
    """Does a folder with these names in it hold images and masks?"""
    return bool(layout(folder, names))


def open_masks(root: Path) -> FileDataset:
    """The images below `root` that have a mask. Raises DataError: what was found, and expected."""
    visible = {name for name in os.listdir(root) if not name.startswith(".")}
    pairs = layout(root, visible)
    images: list[bytes] = []
    masks: list[bytes] = []
    parts: list[Part] = []
    kind = pairs[0].kind
    if other := next((pair for pair in pairs if pair.kind != kind), None):
        raise DataError(
            f"{pairs[0].masks}/ holds {NOUNS[kind]}s, and {other.masks}/ {NOUNS[other.kind]}s",
            where=printable(root),
            remedy="Put one kind into all parts, or call the folders masks/, depth/ or clean/.",
        )
    notes = [f"images and their {NOUNS[kind]}s lie in {', '.join(map(str, pairs))}"]
    for pair in pairs:
        word = pair.images.split(os.sep)[0]
        if pair.part != Part.UNASSIGNED and word.lower() not in PARTS:
            notes.append(f"{printable(word)}/ is taken for the {WORD[pair.part]} part")
        pictures, drawn = _by_name(root, pair.images), _by_name(root, pair.masks)
        if pair.images == pair.masks:
            mark = MARKS[kind]
            drawn = {stem: name for stem, name in drawn.items() if mark.search(stem)}
            pictures = {stem: name for stem, name in pictures.items() if not mark.search(stem)}
        bare = {*drawn, *(MARK.sub("", stem) for stem in drawn)}
        pictures = _partners(root, bare, pictures, NOISY)
        drawn = _partners(root, pictures, drawn, MARK)
        stems = [stem for stem in pictures if stem in drawn]
        images += (pictures[stem] for stem in stems)
        masks += (drawn[stem] for stem in stems)
        parts += _parts(pair, stems)
        for found, others, words in (
            (pictures, drawn, f"without a {NOUNS[kind]}"),
            (drawn, pictures, "that belong to no image"),
        ):
            lonely = [found[stem] for stem in found if stem not in others]
            if lonely:
                notes.append(f"files {words}, left out: {_some(lonely)}")
    if pairs[0].part != Part.UNASSIGNED:
        used = {folder.split(os.sep)[0] for pair in pairs for folder in (pair.images, pair.masks)}
        alone = sorted(n for n in visible - used if n.lower() in PARTS and (root / n).is_dir())
        notes += (f"{name}/ has no folder of {NOUNS[kind]}s, and is left out" for name in alone)
    if not images:
        told = "; ".join(notes[1:]) or "there are no images"
        raise DataError(
            f"no image has a {NOUNS[kind]} of its name; {told}",
            where=printable(root),
            remedy="Give both the same name, such as images/1.jpg and masks/1.png.",
        )
    column, note = COLUMNS[kind](root, Names(masks))
    return FileDataset(
        root,
        Names(images),
        {kind: column},
        parts=np.array(parts, np.int8),
        notes=[*notes, note] if note else notes,
    )


def _parts(pair: Pair, stems: list[str]) -> list[Part]:
    """The part of each pair of files: that of its folders, or of the first folder within both."""
    first = [stem.split("/")[0].lower() for stem in stems]
    if pair.part == Part.UNASSIGNED and {"train"} <= {*first} <= PARTS.keys():
        return [PARTS[word] for word in first]
    return [pair.part] * len(stems)


def _by_name(root: Path, folder: str) -> dict[str, bytes]:
    """The image files below a folder, by their path in it without the ending."""
    found: dict[str, bytes] = {}
    for name in _files(root, folder):
        path = printable(os.fsdecode(os.path.relpath(name, os.fsencode(folder))))
        _add(root, found, os.path.splitext(path)[0], name)
    return found


def _partners(
    root: Path, others: Container[str], files: dict[str, bytes], mark: re.Pattern[str]
) -> dict[str, bytes]:
    """Files by the name of their partners among the others: their own, or that without its mark."""
    found: dict[str, bytes] = {}
    for stem, name in files.items():
        unmarked = mark.sub("", stem)
        _add(root, found, unmarked if unmarked in others else stem, name)
    return found


def _add(root: Path, found: dict[str, bytes], stem: str, name: bytes) -> None:
    if stem in found:
        raise DataError(
            f"{printable(os.fsdecode(found[stem]))} and {printable(os.fsdecode(name))} have "
            "one name",
            where=printable(root),
            remedy="Keep one of them.",
        )
    found[stem] = name


def _files(root: Path, folder: str) -> Iterator[bytes]:
    for below, contents in walk(os.fsencode(root), os.fsencode(folder)):
        for name in contents.images:
            yield os.path.join(below, name)


def _some(names: list[bytes]) -> str:
    shown = ", ".join(printable(os.fsdecode(name)) for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{counted(len(names), 'file')}, such as {shown}{more}"

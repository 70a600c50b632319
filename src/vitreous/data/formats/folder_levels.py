"""Folder levels: which folders are parts and which are classes, told by what lies in them.

A word alone decides only where nothing contradicts it. What is in doubt is an error with both
remedies, and a file `classes.txt` beside the folders, one class a line, settles it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vitreous.data.class_names import clean
from vitreous.data.dataset import Part
from vitreous.data.doubt import Doubt
from vitreous.data.formats.folder_doubts import MASKS, folder_doubts
from vitreous.data.formats.folder_walk import Contents, holds_images, list_folder, some
from vitreous.data.formats.part_words import (
    PARTS,
    WORD,
    is_unlabeled,
    likely_part,
    likely_parts,
)
from vitreous.data.formats.top_folders import LIST, TopFolders
from vitreous.errors import DataError

SAME = 0.5  # share of the folders in a folder that are in others, too: they are one level
# Folders that sort files by kind, not by class.
KINDS = MASKS.union("images image img imgs labels label annotations raw jpg jpeg png".split())


@dataclass
class Levels:
    """Folders whose folders are the classes, each with its part; b"" is the root itself."""

    above: list[tuple[bytes, Part]]
    notes: list[str] = field(default_factory=list)


def levels(root: Path, top: Contents) -> Levels:
    """How the folders below `root` are meant. Raises DataError where they may mean two things."""
    tops = TopFolders(root, top)
    if tops.listed and tops.listed >= set(tops.names.values()):
        return Levels([(b"", Part.UNASSIGNED)])
    known = {*tops.given, *tops.holders}
    likely = likely_parts(name for folder, name in tops.names.items() if folder in known)
    parts = {each: likely[tops.names[each]] for each in tops.holders if tops.names[each] in likely}
    parts |= tops.given
    if Part.TRAIN in parts.values() or (parts and len(tops.given) == len(tops.names)):
        return _parts(tops, parts)
    _refuse_parts_without_classes(tops)
    _refuse_part_among_classes(tops)
    return _second_level(tops) or Levels([(b"", Part.UNASSIGNED)], [*folder_doubts(tops)])


def _parts(tops: TopFolders, parts: Mapping[bytes, Part]) -> Levels:
    """Folders that are parts, and others beside them."""
    _refuse_twins(tops, parts)
    above = sorted(parts.items(), key=lambda item: item[1])
    said = [
        f"{tops.names[folder]}/ is taken for the {WORD[part]} part"
        for folder, part in above
        if folder not in tops.given
    ]
    notes = ["; ".join(said)] if said else []
    outside = [folder for folder in tops.names if folder not in parts]
    return Levels(
        [(_unwrapped(tops, folder), part) for folder, part in above],
        [*notes, *_left_out(tops, outside, parts)],
    )


def _left_out(tops: TopFolders, outside: list[bytes], taken: Mapping[bytes, Part]) -> Iterator[str]:
    """Folders beside the parts: with images they may be classes, and are never left out."""
    full = [folder for folder in outside if holds_images(tops.path(folder))]
    unlabeled = [folder for folder in full if is_unlabeled(tops.names[folder])]
    odd = [folder for folder in full if folder not in unlabeled]
    parts = tops.shown(taken)
    if odd:
        first = tops.shown(list(taken)[:1])
        raise DataError(
            f"holds {parts} and beside {'it' if len(taken) == 1 else 'them'} "
            f"{tops.shown(odd)}, with images",
            where=tops.here,
            remedy=f"If {first} is a part, move {tops.shown(odd)} into it if they are "
            f"classes, or elsewhere. If {first} is a class, {tops.list_all()}",
        )
    if unlabeled:
        yield Doubt(
            f"beside the parts, and left out with all images: {tops.shown(unlabeled)}",
            remedy=f"Images without a class can be predicted: `vitreous predict RUN "
            f"{tops.here}/{tops.names[unlabeled[0]]}`.",
        )
    empty = [folder for folder in outside if folder not in full]
    if empty:
        yield f"beside the parts, and left out: {tops.shown(empty)}"


def _unwrapped(tops: TopFolders, folder: bytes) -> bytes:
    """seg_train/seg_train/: a part in a folder of its own, as some archives unpack."""
    contents = list_folder(tops.path(folder))
    if contents.images or len(contents.folders) != 1:
        return folder
    (inner,) = contents.folders
    word = clean(os.fsdecode(inner))
    outer = clean(os.fsdecode(os.path.basename(folder)))
    same = word == outer or likely_part(word) == tops.given.get(folder, likely_part(outer))
    return _unwrapped(tops, os.path.join(folder, inner)) if same else folder


def _second_level(tops: TopFolders) -> Levels | None:
    """Several folders that hold folders of the same names: no classes, unless it is said."""
    inside = {folder: tops.folders_in(folder) for folder in tops.holders}
    times = Counter(name for names in inside.values() for name in names)
    common = {name for name, count in times.items() if count > 1}
    alike = [folder for folder, names in inside.items() if len(names & common) >= SAME * len(names)]
    there = {name for folder in alike for name in inside[folder]} & common
    plain = {name.lower() for name in there}
    if len(alike) < 2 or plain <= PARTS.keys() or plain <= KINDS:
        return None
    if tops.listed and tops.listed >= {name for names in inside.values() for name in names}:
        note = f"classes are the folders in {tops.shown(inside)}, as {LIST} names them"
        return Levels([(folder, Part.UNASSIGNED) for folder in inside], [note])
    inner = some([f"{name}/" for name in sorted(there)], 3)
    raise DataError(
        f"holds {tops.shown(alike)}, and several of them hold {inner}: parts, or classes?",
        where=tops.here,
        remedy=f"If they are parts, call them train/, val/ and test/. If not, "
        f"{tops.list_all('the classes, be they the upper or the inner folders,')}",
    )


def _refuse_parts_without_classes(tops: TopFolders) -> None:
    """training_images/ and test_images/ with images right in them are no classes."""
    parts = likely_parts(tops.names.values())
    if len(parts) == len(tops.names) > 1 and Part.TRAIN in parts.values():
        raise DataError(
            f"holds {some([f'{name}/' for name in parts])}: parts, by their names, but there "
            "are no class folders in them",
            where=tops.here,
            remedy=f"Expected {tops.here}/train/CLASS/ and {tops.here}/test/CLASS/. If they "
            f"are classes, {tops.list_all()}",
        )


def _refuse_twins(tops: TopFolders, taken: Mapping[bytes, Part]) -> None:
    for part in set(taken.values()):
        twins = [f"{tops.names[each]}/" for each, its in taken.items() if its == part]
        if len(twins) > 1:
            raise DataError(
                f"{' and '.join(twins)} both mean the {part.name.lower()} part",
                where=tops.here,
                remedy="Keep one of them.",
            )


def _refuse_part_among_classes(tops: TopFolders) -> None:
    """`test/` beside class folders is a class if it holds images, and a mistake if classes."""
    classes = set(tops.names) - set(tops.given)
    for folder in tops.given:
        if classes & set(list_folder(tops.path(folder)).folders):
            name = tops.names[folder]
            raise DataError(
                f"{name}/ holds class folders, but lies beside class folders",
                where=tops.here,
                remedy=f"Move the classes beside {name}/ into {tops.here}/train/.",
            )

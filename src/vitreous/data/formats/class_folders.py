"""Class folders, with or without `train/`, `val/` and `test/` above them.

A folder's name is its class, and classes are told by name in every part: a class that is missing
somewhere shifts nothing. What lies there and is not data (hidden files, our own run folders, files
of other kinds) is left out, counted, and said in the data set's notes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vitreous.data.class_names import clean, doubts, numerous
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.data.doubt import Doubt, weight
from vitreous.data.formats.folder_levels import levels
from vitreous.data.formats.folder_walk import (
    Contents,
    Kind,
    PassedOver,
    holds_images,
    kinds_of,
    list_folder,
    remedies,
    some,
    walk,
)
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.labels import QUANTITIES
from vitreous.data.images.read_file import printable
from vitreous.data.names import Names
from vitreous.errors import DataError
from vitreous.formats import counted

STRAY = 0.5  # share of images in no class folder from which that is an error

EXPECTED = (
    "Expected one folder a class, such as {root}/cat/1.jpg and {root}/dog/2.jpg, with or without "
    "train/, val/ and test/ above them; or a CSV file with the columns path,label."
)


def open_folder(root: Path) -> FileDataset:
    """The class folders below `root`. Raises DataError: what was found, what was expected."""
    top = list_folder(os.fsencode(root))
    meant = levels(root, top)
    found = _Found(root)
    for folder, part in meant.above:
        contents = list_folder(os.path.join(os.fsencode(root), folder)) if folder else top
        found.left.add(contents)
        if contents.images:
            found.stray[printable(os.fsdecode(folder)) or "."] = len(contents.images)
        for label in contents.folders:
            found.add(os.path.join(folder, label), part)
        found.hide(folder, contents)
    if (b"", Part.UNASSIGNED) not in meant.above:
        found.left.add(top)
    if not found.examples:
        raise _nothing(root, top, found)
    _refuse_one_level_too_high(root, found)

    classes = sorted({label for label, _, _ in found.examples})
    numbers = {label: number for number, label in enumerate(classes)}
    sizes = [len(names) for _, _, names in found.examples]
    targets = np.repeat([numbers[label] for label, _, _ in found.examples], sizes)
    return FileDataset(
        root,
        Names(name for _, _, names in found.examples for name in names),
        {"class": ClassNumbers(targets, classes)},
        parts=np.repeat([part for _, part, _ in found.examples], sizes).astype(np.int8),
        notes=[*meant.notes, *found.notes(classes)],
    )


@dataclass
class _Found:
    """What the scan has gathered: per class folder its label, part and images."""

    root: Path
    examples: list[tuple[str, Part, list[bytes]]] = field(default_factory=list)
    left: PassedOver = field(default_factory=PassedOver)
    written: set[str] = field(default_factory=set)  # names of classes before they are cleaned
    empty: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    stray: dict[str, int] = field(default_factory=dict)
    unread: dict[str, Counter[Kind]] = field(default_factory=dict)  # by class

    def add(self, folder: bytes, part: Part) -> None:
        names: list[bytes] = []
        left = PassedOver()
        for below, contents in walk(os.fsencode(self.root), folder):
            names += (os.path.join(below, name) for name in contents.images)
            left.add(contents)
        name = os.fsdecode(os.path.basename(folder))
        label = clean(name)
        self.left += left
        if left.unread:
            self.unread[label] = self.unread.get(label, Counter()) + left.unread
        if names:
            self.examples.append((label, part, names))
            self.written.add(name)
        else:
            self.empty.append(printable(os.fsdecode(folder)) + "/")

    def hide(self, folder: bytes, contents: Contents) -> None:
        """Hidden folders beside the class folders that hold images."""
        for name in contents.hidden:
            path = os.path.join(folder, name)
            if holds_images(os.path.join(os.fsencode(self.root), path)):
                self.hidden.append(printable(os.fsdecode(path)) + "/")

    def notes(self, classes: list[str]) -> Iterator[str]:
        kept = Counter[str]()
        for label, _, names in self.examples:
            kept[label] += len(names)
        total = kept.total()
        for label, unread in sorted(self.unread.items()):
            lost = unread.total()
            yield Doubt(
                f"{label}: {lost:,} of {lost + kept[label]:,} images are left out: "
                f"{kinds_of(unread)}",
                severity=weight(lost, lost + kept[label]),
                kind="left out",
                remedy=remedies(unread),
            )
        if self.empty:
            yield Doubt(
                f"no images in {some(self.empty)}",
                remedy="Fill or remove the folder: it is no class without images.",
            )
        if self.hidden:
            yield Doubt(
                f"hidden folders with images, left out: {some(self.hidden)}",
                kind="left out",
                remedy="If it is a class, rename it without the dot.",
            )
        for folder, count in self.stray.items():
            verb = "is" if count == 1 else "are"
            images = f"{counted(count, 'image')} in {folder}/ itself"
            yield Doubt(
                f"{images} {verb} in no class folder and {verb} left out",
                severity=weight(count, total, STRAY),
                kind="left out",
                remedy="Move them into the folders of their classes, or elsewhere.",
            )
        yield from doubts(classes, self.written)
        yield from numerous(classes, total, QUANTITIES)
        yield from self.left.words()


def _refuse_one_level_too_high(root: Path, found: _Found) -> None:
    """One class whose images all lie in folders of their own: the user meant that class folder."""
    labels = {label for label, _, _ in found.examples}
    if len(labels) > 1 or any(part != Part.UNASSIGNED for _, part, _ in found.examples):
        return
    names = found.examples[0][2]
    common = os.path.commonpath([os.path.dirname(name) for name in names])
    rest = [name.removeprefix(common + b"/") for name in names]
    seconds = sorted({name.split(b"/")[0] for name in rest})
    if len(seconds) > 1 and all(b"/" in name for name in rest):
        only = printable(os.fsdecode(common))
        inner = [printable(os.fsdecode(name)) + "/" for name in seconds]
        raise DataError(
            f"holds one folder, {only}/, and that holds {some(inner)}",
            where=printable(root),
            remedy=f"Open {printable(root)}/{only} instead.",
        )


def _nothing(root: Path, top: Contents, found: _Found) -> DataError:
    """No class folder with images: say what is there instead."""
    here = printable(root)
    there = [f"{name}/" for name in map(printable, map(os.fsdecode, top.folders))]
    images = sum(found.stray.values()) or len(top.images)
    pieces = [f"folders {some(there)}"] if there else []
    pieces += [f"{counted(images, 'image')} in no class folder"] if images else []
    pieces += [kinds_of(found.left.unread)] if found.left.unread else []
    pieces += [f"{count:,} {kind}" for kind, count in found.left.others.most_common(5)]
    tables = sorted(path.name for path in root.glob("*.csv") if path.is_file())
    remedy = EXPECTED.format(root=here)
    if tables:
        remedy = f"If {tables[0]} lists files and labels, open {here}/{tables[0]}. {remedy}"
    if found.left.unread:
        remedy = f"{remedies(found.left.unread)} {remedy}"
    if not pieces:
        return DataError("is empty", where=here, remedy=remedy)
    message = f"holds {'; '.join(pieces)}; no folder of a class has images"
    return DataError(message, where=here, remedy=remedy)

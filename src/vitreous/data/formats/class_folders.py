"""Class folders, with or without `train/`, `val/` and `test/` above them.

A folder's name is its class, and classes are told by name in every part: a class that is missing
somewhere shifts nothing. What lies there and is not data (hidden files, our own run folders, files
of other kinds) is left out, counted, and said in the data set's notes.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.data.formats.image_files import SUFFIXES, FileDataset
from vitreous.data.images.read_file import printable
from vitreous.data.names import Names
from vitreous.errors import DataError
from vitreous.formats import counted

PARTS = {
    "train": Part.TRAIN,
    "val": Part.VALIDATION,
    "valid": Part.VALIDATION,
    "validation": Part.VALIDATION,
    "test": Part.TEST,
}
LITTER = {b"__macosx", b"thumbs.db", b"desktop.ini"}
RUN = (b"recipe.yaml", b"metrics.jsonl")  # a folder with both is one of our run folders

EXPECTED = (
    "Expected one folder a class, such as {root}/cat/1.jpg and {root}/dog/2.jpg, with or without "
    "train/, val/ and test/ above them; or a CSV file with the columns path,label."
)


@dataclass
class Contents:
    """What one folder holds that may concern us, each list sorted by name."""

    folders: list[bytes] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)  # by suffix
    loops: list[bytes] = field(default_factory=list)


def open_folder(root: Path) -> FileDataset:
    """The class folders below `root`. Raises DataError: what was found, what was expected."""
    top = _list(os.fsencode(root))
    given = {folder: PARTS[name] for folder in top.folders if (name := _lower(folder)) in PARTS}
    prescribed = Part.TRAIN in given.values() or (given and len(given) == len(top.folders))
    notes = []
    if prescribed:
        _refuse_twins(root, given)
        outside = [printable(os.fsdecode(name)) + "/" for name in top.folders if name not in given]
        if outside:
            notes.append(f"beside the parts, and left out: {_some(outside)}")
        tops = sorted(given.items(), key=lambda item: item[1])
    else:
        _refuse_part_among_classes(root, top, given)
        tops = [(b"", Part.UNASSIGNED)]

    found = _Found(others=Counter(top.others))
    for folder, part in tops:
        contents = _list(os.path.join(os.fsencode(root), folder)) if folder else top
        if contents.images:
            found.stray[printable(os.fsdecode(folder)) or "."] = len(contents.images)
        for label in contents.folders:
            found.add(root, os.path.join(folder, label), part)
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
        notes=[*notes, *found.notes(classes)],
    )


@dataclass
class _Found:
    """What the scan has gathered: per class folder its label, part and images."""

    examples: list[tuple[str, Part, list[bytes]]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    loops: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    stray: dict[str, int] = field(default_factory=dict)

    def add(self, root: Path, folder: bytes, part: Part) -> None:
        names: list[bytes] = []
        for below, contents in walk(os.fsencode(root), folder):
            names += (os.path.join(below, name) for name in contents.images)
            self.others += contents.others
            self.loops += (printable(os.fsdecode(name)) for name in contents.loops)
        shown = printable(os.fsdecode(folder))
        if names:
            label = unicodedata.normalize("NFC", os.path.basename(shown))
            self.examples.append((label, part, names))
        else:
            self.empty.append(shown + "/")

    def notes(self, classes: list[str]) -> Iterator[str]:
        if self.empty:
            yield f"no images in {_some(self.empty)}"
        for folder, count in self.stray.items():
            verb = "is" if count == 1 else "are"
            images = f"{counted(count, 'image')} in {folder}/ itself"
            yield f"{images} {verb} in no class folder and {verb} left out"
        twins = Counter(label.casefold() for label in classes)
        for folded in sorted(name for name, count in twins.items() if count > 1):
            names = [label for label in classes if label.casefold() == folded]
            yield f"classes that differ by case alone: {', '.join(names)}"
        if self.loops:
            yield f"links that lead in a circle are not followed: {_some(self.loops)}"
        if self.others:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.others.most_common(5))
            yield f"files that are no images, left out: {kinds}"


def _list(folder: bytes) -> Contents:
    """One folder's visible content; links to folders are followed unless they lead in a circle."""
    contents = Contents()
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"cannot be listed: {error.strerror}",
            where=printable(os.fsdecode(folder)),
            remedy="Check the folder and its permissions.",
        ) from error
    for entry in entries:
        name = entry.name
        if name.startswith(b".") or name.lower() in LITTER:
            continue
        suffix = os.path.splitext(name)[1].lower()
        try:
            is_folder = entry.is_dir()
        except OSError:  # a link in a circle
            is_folder = False
        if suffix in SUFFIXES:
            # Also a folder or a dead link of this name: it is named when it is to be decoded.
            contents.images.append(name)
        elif not is_folder:
            contents.others[printable(os.fsdecode(suffix)) or "without a suffix"] += 1
        elif entry.is_symlink() and _is_around(entry.path, folder):
            contents.loops.append(entry.path)
        elif not all(os.path.exists(os.path.join(entry.path, file)) for file in RUN):
            contents.folders.append(name)
    return contents


def walk(root: bytes, folder: bytes) -> Iterator[tuple[bytes, Contents]]:
    """A folder and all below it, by name; a folder that links reach twice is visited once."""
    followed = set()
    waiting = [folder]
    while waiting:
        below = waiting.pop()
        path = os.path.join(root, below)
        real = os.path.realpath(path)
        if real in followed:
            continue
        followed.add(real)
        contents = _list(path)
        yield below, contents
        waiting += (os.path.join(below, name) for name in reversed(contents.folders))


def _is_around(link: bytes, folder: bytes) -> bool:
    """Does the link lead to a folder that holds the link itself?"""
    target, here = os.path.realpath(link), os.path.realpath(folder)
    return here == target or here.startswith(target.rstrip(b"/") + b"/")


def _lower(name: bytes) -> str:
    return printable(os.fsdecode(name)).lower()


def _some(names: list[str], most: int = 5) -> str:
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _refuse_twins(root: Path, given: dict[bytes, Part]) -> None:
    for part in set(given.values()):
        twins = [os.fsdecode(folder) + "/" for folder, its in given.items() if its == part]
        if len(twins) > 1:
            raise DataError(
                f"{' and '.join(twins)} both mean the {part.name.lower()} part",
                where=printable(root),
                remedy="Keep one of them.",
            )


def _refuse_part_among_classes(root: Path, top: Contents, given: dict[bytes, Part]) -> None:
    """`test/` beside class folders is a class if it holds images, and a mistake if classes."""
    classes = set(top.folders) - set(given)
    for folder in given:
        if classes & set(_list(os.path.join(os.fsencode(root), folder)).folders):
            name = os.fsdecode(folder)
            raise DataError(
                f"{name}/ holds class folders, but lies beside class folders",
                where=printable(root),
                remedy=f"Move the classes beside {name}/ into {root}/train/.",
            )


def _refuse_one_level_too_high(root: Path, found: _Found) -> None:
    """One class whose images all lie in folders of their own: the user meant that class folder."""
    labels = {label for label, _, _ in found.examples}
    if len(labels) > 1 or any(part != Part.UNASSIGNED for _, part, _ in found.examples):
        return
    names = found.examples[0][2]
    seconds = sorted({name.split(b"/")[1] for name in names})
    if len(seconds) > 1 and all(name.count(b"/") >= 2 for name in names):
        only = printable(os.fsdecode(names[0].split(b"/")[0]))
        inner = [printable(os.fsdecode(name)) + "/" for name in seconds]
        raise DataError(
            f"holds one folder, {only}/, and that holds {_some(inner)}",
            where=printable(root),
            remedy=f"Open {printable(root)}/{only} instead.",
        )


def _nothing(root: Path, top: Contents, found: _Found) -> DataError:
    """No class folder with images: say what is there instead."""
    here = printable(root)
    there = [f"{name}/" for name in map(printable, map(os.fsdecode, top.folders))]
    images = sum(found.stray.values()) or len(top.images)
    pieces = [f"folders {_some(there)}"] if there else []
    pieces += [f"{counted(images, 'image')} in no class folder"] if images else []
    pieces += [f"{count:,} {kind}" for kind, count in found.others.most_common(5)]
    tables = sorted(path.name for path in root.glob("*.csv") if path.is_file())
    remedy = EXPECTED.format(root=here)
    if tables:
        remedy = f"If {tables[0]} lists files and labels, open {here}/{tables[0]}. {remedy}"
    message = "holds " + "; ".join(pieces) if pieces else "is empty"
    return DataError(f"{message}, but no class folder with images", where=here, remedy=remedy)

"""Manifest: a CSV file that lists images, with the columns path, label[, split, group, weight].

Paths are relative to the CSV file. Several labels an image are written either as `cat;dog` (or
`cat|dog`) in the label column, or as one column of 0 and 1 for each label; other numbers are
quantities to predict. A column `mask` holds paths of masks, `depth` of depth maps, `clean` of clean
pictures, `box` boxes, `dot` dots, and each column `point …` the place of one point; columns `x` and
`y` hold one dot in each of several rows of an image. A group is any word: images of one group (a
patient, a scene) never end up in different parts.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np

from vitreous.data.dataset import Part
from vitreous.data.doubt import Doubt, weight
from vitreous.data.formats.dot_rows import with_dots
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.listed_paths import URL, ListedPaths
from vitreous.data.formats.part_words import PARTS
from vitreous.data.formats.table_rows import Row, is_foreign, read_rows, refuse_encoding
from vitreous.data.formats.target_cells import TargetCells
from vitreous.data.images.read_file import printable
from vitreous.data.manifest_words import COLUMNS, FLAGS, OTHERS, bare, is_index, meant
from vitreous.data.names import Names
from vitreous.data.splits.groups import group_alone, group_of
from vitreous.errors import DataError

# Flags of a part, with the part of what is marked, and of what is not.
MARKED = {
    **dict.fromkeys(FLAGS[:3], (Part.VALIDATION, Part.TRAIN)),
    "is_test": (Part.TEST, Part.TRAIN),
    **dict.fromkeys(FLAGS[4:], (Part.TRAIN, Part.TEST)),
}
YES, NO = {"true", "t", "yes", "y", "1", "1.0"}, {"false", "f", "no", "n", "0", "0.0", ""}
BadImages = Literal["raise", "skip"]


def open_manifest(path: Path, *, bad_images: BadImages = "skip") -> FileDataset:
    """The data set that a CSV file lists.

    bad_images  skip: files that are missing stay in the index and are named when they are to be
                decoded; raise: they are an error now. If all are missing it is always an error.

    Raises DataError with the row or the column concerned.
    """
    where = printable(path)
    table = _Table(where, with_dots(read_rows(path), where))
    images = _listed(path.parent, table.paths, table.rows, where, bad_images)
    notes = [*table.notes, *images.notes]
    for column, paths in table.targets.paths().items():
        files = _listed(path.parent, paths, table.rows, where, bad_images)
        table.targets.set_paths(column, files.names)
        notes += [_said(f"{column}: ", note) for note in files.notes]
    targets = table.targets.columns(path.parent)
    return FileDataset(
        path.parent,
        Names(images.names),
        targets,
        parts=np.frombuffer(table.parts, np.int8).copy(),
        name=path.stem,
        groups=np.frombuffer(table.groups, np.int64).copy() if table.groups else None,
        weights=np.frombuffer(table.weights, np.float32).copy() if table.weights else None,
        notes=[*notes, *table.targets.notes],
    )


class _Table:
    """The columns, read row by row into flat arrays."""

    def __init__(self, where: str, rows: Iterator[Row]):
        self.where = where
        self.notes: list[str] = []
        self.paths: list[str] = []
        self.parts, self.groups, self.weights = array("b"), array("q"), array("f")
        self.rows = array("q")
        head = next(rows, None)
        if head is None:
            self._fail("is empty", f"Its first row names the columns: {','.join(COLUMNS)}.")
        self._header([cell.strip() for cell in head.cells])
        for row in rows:
            self._add(row)
        if not self.paths:
            self._fail("has a header and no rows", "Add one row for each image.")

    def _header(self, names: list[str]) -> None:
        plain = [bare(name) is None for name in names]
        lowered = [name.lower() if own else "" for name, own in zip(names, plain, strict=True)]
        self._at = {name: lowered.index(name) for name in OTHERS if name in lowered}
        self._width = len(names)
        flags = [name for name in lowered if name in MARKED]
        self._flags = {} if "split" in self._at else {name: lowered.index(name) for name in flags}
        ours = {
            name for name in names if lowered.count(name.lower()) > 1 and name.lower() in COLUMNS
        }
        twins = {name for name in names if names.count(name) > 1 and not is_index(name)} | ours
        if twins:
            self._fail(f"has the column '{min(twins)}' twice", "Name each column once.")
        for name, own in zip(names, plain, strict=True):
            # Columns with names of their own are marks or numbers.
            column = meant(name) if own else None
            if column and column not in lowered:
                self._fail(
                    f"has a column '{name}' and no column '{column}'",
                    f"Rename it to '{column}', or put it in quotes of its own if it is a label. "
                    f"Known columns: {', '.join(COLUMNS)}.",
                )
        if "path" not in self._at:
            self._fail(
                f"has no column 'path'; its columns are {', '.join(names)}",
                "The first row names the columns: path,label[,split,group,weight].",
            )
        others = {
            name: place
            for place, (name, low) in enumerate(zip(names, lowered, strict=True))
            if low not in OTHERS and low not in self._flags and not is_index(name)
        }
        if self._flags:
            listed = " and ".join(f"'{name}'" for name in self._flags)
            self.notes.append(f"parts are told by {listed}")
        for name in others:
            if is_foreign(name):
                refuse_encoding(1, name, self.where)
        self.targets = TargetCells(others, self._fail, self.where)

    def _add(self, row: Row) -> None:
        if len(row.cells) != self._width:
            broken = any("\n" in cell for cell in row.cells)
            self._fail(
                f"row {row.number} has {len(row.cells)} cells, the header {self._width}",
                "A quote that opens there closes in a later row: check it."
                if broken
                else "Write one cell for each column; quote a path that holds the separator.",
            )
        cells = {name: row.cells[place].strip() for name, place in self._at.items()}
        path = row.cells[self._at["path"]]
        if not cells["path"]:
            self._fail(f"row {row.number} has no path", "Fill it in, or delete the row.")
        if URL.match(cells["path"]):
            self._fail(
                f"row {row.number} has the address {cells['path']}",
                "Download the images first, and list the paths of the files.",
            )
        self.rows.append(row.number)
        self.paths.append(path)
        self.targets.add(row.number, cells["path"], row.cells)
        self.parts.append(self._part(row, cells.get("split", "")))
        if "group" in cells:
            word = cells["group"]
            self.groups.append(group_of(word) if word else group_alone(cells["path"]))
        if "weight" in cells:
            self.weights.append(self._weight(row, cells["weight"]))

    def _part(self, row: Row, word: str) -> Part:
        if self._flags:
            return self._marked(row)
        if not word:
            return Part.UNASSIGNED
        part = PARTS.get(word.lower())
        if part is None:
            self._fail(
                f"row {row.number} has the split '{word}'",
                "Write train, val or test, or leave it empty.",
            )
        return part

    def _marked(self, row: Row) -> Part:
        """The part that a flag marks, or else what the first flag means by being off."""
        off = Part.UNASSIGNED
        for name, place in self._flags.items():
            word = row.cells[place].strip().lower()
            if word not in YES | NO:
                self._fail(
                    f"row {row.number} has the {name} '{word}'", "Write true or false, or 1 or 0."
                )
            if word in YES:
                return MARKED[name][0]
            off = MARKED[name][1] if off == Part.UNASSIGNED else off
        return off

    def _weight(self, row: Row, word: str) -> float:
        try:
            weight = float(word or 1)
        except ValueError:
            weight = math.nan
        if not 0 <= weight < math.inf:
            self._fail(f"row {row.number} has the weight '{word}'", "Write a number, 0 or more.")
        return weight

    def _fail(self, message: str, remedy: str) -> NoReturn:
        raise DataError(message, where=self.where, remedy=remedy)


def _listed(
    root: Path, written: Sequence[str], rows: Sequence[int], where: str, bad_images: BadImages
) -> ListedPaths:
    """Paths with a file for each, as far as there is one. Raises DataError if there is none."""
    listed = ListedPaths(root, written)
    missing = [listed.names[position] for position in listed.missing]
    if not missing:
        return listed
    foreign = next((at for at in listed.missing if is_foreign(written[at])), None)
    if foreign is not None:
        refuse_encoding(rows[foreign], written[foreign], where)
    shown = ", ".join(printable(name) for name in missing[:3])
    message = f"{len(missing):,} of {len(written):,} files are missing, such as {shown}"
    remedy = f"Paths are relative to {printable(root)}/: check them."
    if place := listed.elsewhere():
        remedy = f"Paths are relative to the CSV file: move it to {printable(place)}/."
    if bad_images == "raise" or len(missing) == len(written):
        raise DataError(message, where=where, remedy=remedy)
    severity = weight(len(missing), len(written))
    listed.notes.append(Doubt(message, severity=severity, kind="missing", remedy=remedy))
    return listed


def _said(of: str, note: str) -> str:
    """A note on something else than images."""
    if not isinstance(note, Doubt):
        return f"{of}{note}"
    return Doubt(f"{of}{note}", severity=note.severity, kind=note.kind, remedy=note.remedy)

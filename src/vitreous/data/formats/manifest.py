"""Manifest: a CSV file that lists images, with the columns path, label[, split, group, weight].

Paths are relative to the CSV file. Several labels an image are written either as `cat;dog` (or
`cat|dog`) in the label column, or as one column of 0 and 1 for each label; other numbers are
quantities to predict. A column `mask` holds paths of masks, `box` boxes, and each column `point …`
the place of one point. A group is any word: images of one group (a patient, a scene) never end up
in different parts.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np

from vitreous.data.dataset import Part
from vitreous.data.formats.class_folders import PARTS
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.target_cells import TARGETS, TargetCells
from vitreous.data.images.read_file import printable
from vitreous.data.maps import maps_of
from vitreous.data.names import Names
from vitreous.data.splits.groups import group_alone, group_of
from vitreous.errors import DataError

COLUMNS = ("path", "label", "split", "group", "weight")
OTHERS = ("path", "split", "group", "weight")  # that hold no targets
SYNONYMS = {
    **dict.fromkeys(("file", "filename", "file_name", "image", "img", "image_path"), "path"),
    **dict.fromkeys(("class", "target", "category", "class_name", "y", "labels"), "label"),
    **dict.fromkeys(("masks", "mask_path", "segmentation"), "mask"),
    **dict.fromkeys(("boxes", "bbox", "bboxes"), "box"),
    **dict.fromkeys(("part", "fold", "set", "subset"), "split"),
    **dict.fromkeys(("patient", "patient_id", "subject", "group_id"), "group"),
}
ALIKE = {"height"}  # words that look like one of ours and mean something else
SEPARATORS = ",;\t|"
BadImages = Literal["raise", "skip"]


def open_manifest(path: Path, *, bad_images: BadImages = "skip") -> FileDataset:
    """The data set that a CSV file lists.

    bad_images  skip: files that are missing stay in the index and are named when they are to be
                decoded; raise: they are an error now. If all are missing it is always an error.

    Raises DataError with the row or the column concerned.
    """
    where = printable(path)
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            table = _Table(where, _rows(file.read(), where))
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", where=where, remedy="Check the file."
        ) from error
    names = Names(table.paths)
    notes = _missing(path.parent, names, where, bad_images)
    targets = table.targets.columns(path.parent)
    for column in maps_of(targets).values():
        masks = Names(column.source(index) or "" for index in range(len(column)))
        notes += [f"masks: {note}" for note in _missing(path.parent, masks, where, bad_images)]
    return FileDataset(
        path.parent,
        names,
        targets,
        parts=np.frombuffer(table.parts, np.int8).copy(),
        name=path.stem,
        groups=np.frombuffer(table.groups, np.int64).copy() if table.groups else None,
        weights=np.frombuffer(table.weights, np.float32).copy() if table.weights else None,
        notes=[*notes, *table.targets.notes],
    )


@dataclass(frozen=True)
class _Row:
    number: int  # as an editor counts lines
    cells: list[str]


def _rows(text: str, where: str) -> Iterator[_Row]:
    """Rows that are not blank, the header first; the separator is the one that splits it best."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _Row(reader.line_num, cells)
    except csv.Error as error:
        raise DataError(
            f"row {reader.line_num} is no CSV: {error}",
            where=where,
            remedy="Check the quotes in that row.",
        ) from error


class _Table:
    """The columns, read row by row into flat arrays."""

    def __init__(self, where: str, rows: Iterator[_Row]):
        self.where = where
        self.paths: list[str] = []
        self.parts, self.groups, self.weights = array("b"), array("q"), array("f")
        head = next(rows, None)
        if head is None:
            self._fail("is empty", f"Its first row names the columns: {','.join(COLUMNS)}.")
        self._header([cell.strip() for cell in head.cells])
        for row in rows:
            self._add(row)
        if not self.paths:
            self._fail("has a header and no rows", "Add one row for each image.")

    def _header(self, names: list[str]) -> None:
        lowered = [name.lower() for name in names]
        self._at = {name: lowered.index(name) for name in OTHERS if name in lowered}
        self._width = len(names)
        known = {*COLUMNS, *TARGETS}
        twins = {name for name in names if lowered.count(name.lower()) > 1}
        if twins:
            self._fail(f"has the column '{min(twins)}' twice", "Name each column once.")
        for name, low in zip(names, lowered, strict=True):
            # Columns with names of their own are marks or numbers.
            if low in known | ALIKE:
                continue
            meant = SYNONYMS.get(low) or next(
                iter(difflib.get_close_matches(low, COLUMNS, 1, 0.75)), None
            )
            if meant and meant not in lowered:
                self._fail(
                    f"has a column '{name}' and no column '{meant}'",
                    f"Rename it to '{meant}'. Known columns: {', '.join(COLUMNS)}.",
                )
        if "path" not in self._at:
            self._fail(
                f"has no column 'path'; its columns are {', '.join(names)}",
                "The first row names the columns: path,label[,split,group,weight].",
            )
        others = {
            name: place
            for place, (name, low) in enumerate(zip(names, lowered, strict=True))
            if low not in OTHERS
        }
        self.targets = TargetCells(others, self._fail)

    def _add(self, row: _Row) -> None:
        if len(row.cells) != self._width:
            self._fail(
                f"row {row.number} has {len(row.cells)} cells, the header {self._width}",
                "Write one cell for each column; quote a path that holds the separator.",
            )
        cells = {name: row.cells[place].strip() for name, place in self._at.items()}
        if not cells["path"]:
            self._fail(f"row {row.number} has no path", "Fill it in, or delete the row.")
        self.paths.append(os.path.normpath(cells["path"]))
        self.targets.add(row.number, cells["path"], row.cells)
        self.parts.append(self._part(row, cells.get("split", "")))
        if "group" in cells:
            word = cells["group"]
            self.groups.append(group_of(word) if word else group_alone(cells["path"]))
        if "weight" in cells:
            self.weights.append(self._weight(row, cells["weight"]))

    def _part(self, row: _Row, word: str) -> Part:
        if not word:
            return Part.UNASSIGNED
        part = PARTS.get(word.lower())
        if part is None:
            self._fail(
                f"row {row.number} has the split '{word}'",
                "Write train, val or test, or leave it empty.",
            )
        return part

    def _weight(self, row: _Row, word: str) -> float:
        try:
            weight = float(word or 1)
        except ValueError:
            weight = math.nan
        if not 0 <= weight < math.inf:
            self._fail(f"row {row.number} has the weight '{word}'", "Write a number, 0 or more.")
        return weight

    def _fail(self, message: str, remedy: str) -> NoReturn:
        raise DataError(message, where=self.where, remedy=remedy)


def _missing(root: Path, names: Names, where: str, bad_images: BadImages) -> list[str]:
    missing = [name for name in names if not os.path.exists(os.path.join(root, name))]
    if not missing:
        return []
    shown = ", ".join(printable(name) for name in missing[:3])
    message = f"{len(missing):,} of {len(names):,} files are missing, such as {shown}"
    if bad_images == "raise" or len(missing) == len(names):
        raise DataError(
            message, where=where, remedy=f"Paths are relative to {printable(root)}/: check them."
        )
    return [message]

"""A CSV file that lists images and their labels: the columns path, label[, split, group, weight].

Paths are relative to the CSV file. Several labels an image are written either as `cat;dog` (or
`cat|dog`) in the label column, or as one column of 0 and 1 for each label. A group is any word:
images of one group (a patient, a scene) never end up in different parts.
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
from numpy.typing import NDArray

from vitreous.data.dataset import Part
from vitreous.data.formats.class_folders import PARTS
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.images.read_file import printable
from vitreous.data.names import Names
from vitreous.data.splits.groups import group_alone, group_of
from vitreous.errors import DataError

COLUMNS = ("path", "label", "split", "group", "weight")
SYNONYMS = {
    **dict.fromkeys(("file", "filename", "file_name", "image", "img", "image_path"), "path"),
    **dict.fromkeys(("class", "target", "category", "class_name", "y", "labels"), "label"),
    **dict.fromkeys(("part", "fold", "set", "subset"), "split"),
    **dict.fromkeys(("patient", "patient_id", "subject", "group_id"), "group"),
}
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
    return FileDataset(
        path.parent,
        names,
        table.targets(),
        table.classes,
        parts=np.frombuffer(table.parts, np.int8).copy(),
        name=path.stem,
        groups=np.frombuffer(table.groups, np.int64).copy() if table.groups else None,
        weights=np.frombuffer(table.weights, np.float32).copy() if table.weights else None,
        notes=[*notes, *table.notes],
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
        self.notes: list[str] = []
        head = next(rows, None)
        if head is None:
            self._fail("is empty", f"Its first row names the columns: {','.join(COLUMNS)}.")
        self._header([cell.strip() for cell in head.cells])
        self._labels: list[str] = []
        self._marks: list[bytes] = []
        self._numbers: list[int] = []
        for row in rows:
            self._add(row)
        if not self.paths:
            self._fail("has a header and no rows", "Add one row for each image.")
        self._name_labels()

    def targets(self) -> NDArray[np.int64] | NDArray[np.uint8]:
        """(N,) class numbers, or (N, L) 0/1 where several labels may apply."""
        if self._marks:
            marks = np.frombuffer(b"".join(self._marks), np.uint8)
            return marks.reshape(len(self.paths), -1) - np.uint8(ord("0"))
        numbers = {label: number for number, label in enumerate(self.classes)}
        if self._separator is None:
            return np.array([numbers[label] for label in self._labels], np.int64)
        targets = np.zeros((len(self.paths), len(numbers)), np.uint8)
        for row, cell in enumerate(self._labels):
            for label in cell.split(self._separator):
                targets[row, numbers[label.strip()]] = 1
        return targets

    def _header(self, names: list[str]) -> None:
        lowered = [name.lower() for name in names]
        self._at = {name: lowered.index(name) for name in COLUMNS if name in lowered}
        self._width = len(names)
        extra = [place for place, name in enumerate(lowered) if name not in COLUMNS]
        twins = {name for name in names if lowered.count(name.lower()) > 1}
        if twins:
            self._fail(f"has the column '{min(twins)}' twice", "Name each column once.")
        for place in extra:
            # One column of marks for each label is the form without a label column.
            meant = SYNONYMS.get(lowered[place]) or next(
                iter(difflib.get_close_matches(lowered[place], COLUMNS, 1, 0.75)), None
            )
            if meant and meant not in self._at:
                self._fail(
                    f"has a column '{names[place]}' and no column '{meant}'",
                    f"Rename it to '{meant}'. Known columns: {', '.join(COLUMNS)}.",
                )
        if "path" not in self._at:
            self._fail(
                f"has no column 'path'; its columns are {', '.join(names)}",
                "The first row names the columns: path,label[,split,group,weight].",
            )
        self._columns = [] if "label" in self._at else extra
        if "label" not in self._at and not extra:
            self._fail("has no column 'label'", "Add it, or one column of 0 and 1 for each label.")
        self._names = [names[place] for place in self._columns]
        if "label" in self._at and extra:
            self.notes.append(f"columns left out: {', '.join(names[place] for place in extra)}")

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
        self._numbers.append(row.number)
        if "label" in cells:
            if not cells["label"]:
                self._fail(
                    f"row {row.number} ({cells['path']}) has no label",
                    "Fill it in, or delete the row. If no label may apply, write one column of 0 "
                    "and 1 for each label instead.",
                )
            self._labels.append(cells["label"])
        else:
            self._marks.append(self._marked(row))
        self.parts.append(self._part(row, cells.get("split", "")))
        if "group" in cells:
            word = cells["group"]
            self.groups.append(group_of(word) if word else group_alone(cells["path"]))
        if "weight" in cells:
            self.weights.append(self._weight(row, cells["weight"]))

    def _marked(self, row: _Row) -> bytes:
        marks = [row.cells[place].strip() for place in self._columns]
        for name, mark in zip(self._names, marks, strict=True):
            if mark not in ("0", "1"):
                self._fail(
                    f"row {row.number}, column '{name}' holds '{mark}', not 0 or 1",
                    "Write a column 'label', or one column of 0 and 1 for each label.",
                )
        return "".join(marks).encode()

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

    def _name_labels(self) -> None:
        """Decide whether cells hold several labels, and collect the class names."""
        if self._marks:
            self.classes = tuple(self._names)
            return
        several = [mark for mark in ";|" if any(mark in cell for cell in self._labels)]
        if len(several) > 1:
            self._fail(
                "separates labels by ';' in some rows and by '|' in others", "Use one of them."
            )
        self._separator = several[0] if several else None
        if self._separator is None:
            self.classes = tuple(sorted(set(self._labels)))
            return
        labels = set()
        for number, cell in zip(self._numbers, self._labels, strict=True):
            pieces = [piece.strip() for piece in cell.split(self._separator)]
            if not all(pieces):
                self._fail(f"row {number} has an empty label in '{cell}'", "Delete a separator.")
            labels.update(pieces)
        self.classes = tuple(sorted(labels))

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

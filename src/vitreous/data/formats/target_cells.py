"""The cells of a table that hold targets: labels, marks, numbers, maps, boxes, dots, points."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from vitreous.data.boxes import IGNORE, Boxes
from vitreous.data.class_names import clean, doubts
from vitreous.data.columns import Column, Marks, Numbers
from vitreous.data.dots import Dots
from vitreous.data.doubt import Doubt
from vitreous.data.formats.drawn_masks import drawn_maps, is_drawn, masks_of_cells
from vitreous.data.formats.labels import from_marks, from_words
from vitreous.data.formats.left_out import LeftOut
from vitreous.data.formats.map_files import depths_in_files, pictures_in_files
from vitreous.data.formats.mask_files import masks_in_files
from vitreous.data.formats.table_rows import is_foreign, refuse_encoding
from vitreous.data.manifest_words import (
    FILES,
    POINT,
    SEPARATORS,
    TARGETS,
    bare,
    box_pieces,
    number,
)
from vitreous.data.names import Names
from vitreous.data.points import Points
from vitreous.errors import DataError

DECIMAL_COMMA = re.compile(r"[-+]?[\d.,\s]*\d,\d[\d.]*")
MARKS = ("0", "1", "0.0", "1.0")
NONE = ("box", "dot")  # no box is an answer, too
IN_FILES = {"mask": masks_in_files, "depth": depths_in_files, "clean": pictures_in_files}
"""How the files of a column are read."""

Fail = Callable[[str, str], NoReturn]


class TargetCells:
    """Targets, gathered row by row.

    names  of the columns of the table that may hold targets, with their places
    fail   raises the error: a message and a remedy
    where  the table lies
    """

    def __init__(self, names: Mapping[str, int], fail: Fail, where: str):
        self._fail, self._where, self.notes = fail, where, list[str]()
        lowered = {name.lower(): place for name, place in names.items()}
        self._at = {name: lowered[name] for name in TARGETS if name in lowered}
        points = [name for name in names if name.lower().startswith(POINT)]
        self._points = {name[len(POINT) :].strip(): names[name] for name in points}
        extra = {
            bare(name) or name: place
            for name, place in names.items()
            if place not in self._at.values() and name not in points
        }
        self._left_out = list(extra) if "label" in self._at else []
        self._extra = {} if self._left_out else extra
        self._unused = {LeftOut(name): place for name, place in extra.items()}
        self._rows: list[int] = []
        self._cells: dict[str, list[str]] = {name: [] for name in self._at}
        self._places, self._values = array("f"), array("d")
        self._marks = True  # are all values written as 0 or 1?
        self._whole = True  # and that without a point?
        self._odd: tuple[int, str, str] | None = None  # the first cell that is no number

    def paths(self) -> dict[str, list[str]]:
        """Those targets that lie in files, by column, as they are written."""
        found = {name: self._cells[name] for name in FILES if name in self._at}
        return {name: cells for name, cells in found.items() if not self._drawn(name)}

    def set_paths(self, column: str, paths: list[str]) -> None:
        self._cells[column] = paths

    def _drawn(self, name: str) -> bool:
        """Do the cells hold the masks themselves?"""
        return name == "mask" and all(map(is_drawn, self._cells[name]))

    def add(self, row: int, path: str, cells: list[str]) -> None:
        """One row; `row` is its number in an editor, `path` that of its image."""
        self._rows.append(row)
        for name, place in self._at.items():
            cell = cells[place] if name in FILES else cells[place].strip()
            if not cell.strip() and name not in NONE:
                self._fail(
                    f"row {row} ({path}) has no {name}",
                    "Fill it in, or delete the row. If no label may apply, write one column of 0 "
                    "and 1 for each label instead.",
                )
            if name not in FILES and is_foreign(cell):
                refuse_encoding(row, cell, self._where)
            self._cells[name].append(cell)
        for column, place in self._unused.items():
            column.add(cells[place])
        for name, place in self._points.items():
            self._places.extend(self._point(row, name, cells[place]))
        for name, place in self._extra.items():
            cell = cells[place].strip()
            value = number(cell)
            self._marks = self._marks and cell in MARKS
            self._whole = self._whole and cell in ("0", "1")
            if value is None and self._odd is None:
                self._odd = row, name, cell
            self._values.append(value or 0.0)

    def columns(self, root: Path) -> dict[str, Column]:
        """All targets by name. Those in files have paths relative to `root`."""
        found: dict[str, Column] = {}
        for name, read in IN_FILES.items():
            if name in self._at and not self._drawn(name):
                found[name], note = read(root, Names(self._cells[name]))
                self.notes += [note] if note else []
            elif name in self._at:
                found[name] = drawn_maps(*masks_of_cells(self._cells[name], self._no_mask))
        if "box" in self._at:
            found["box"] = self._boxes()
        if "dot" in self._at:
            found["dot"] = self._dots()
        if self._points:
            found["point"] = self._named_points()
        if "label" in self._at:
            found |= self._labels()
        elif self._extra and not (found and self._odd):
            found |= self._quantities()
        elif self._extra:
            self._left_out = list(self._extra)
        if self._left_out:
            self.notes.append(f"columns left out: {', '.join(self._left_out)}")
            self.notes += filter(None, (column.doubt() for column in self._unused))
        if not found:
            self.notes.append("there is no column 'label': the images are unlabeled")
        return found

    def _quantities(self) -> dict[str, Column]:
        """Columns without a name of ours: a mark for each label, or numbers."""
        names = list(self._extra)
        if self._odd:
            row, name, cell = self._odd
            self._fail(
                f"row {row}, column '{name}' holds '{cell}', which is no number",
                "Write decimals with a point, such as 1234.5."
                if DECIMAL_COMMA.fullmatch(cell)
                else "Write a column 'label', one column of 0 and 1 for each label, or numbers.",
            )
        values = np.frombuffer(self._values, np.float64).reshape(len(self._rows), -1)
        if self._marks and (self._whole or len(names) > 1):
            columns, notes = from_marks(
                values.astype(np.uint8), [*map(clean, names)], ordered=False
            )
            self.notes += notes
            return columns
        noun = "column" if len(names) == 1 else "columns"
        quoted = ", ".join(f"'{name}'" for name in names)
        verb = "holds" if len(names) == 1 else "hold"
        self.notes.append(f"the {noun} {quoted} {verb} numbers: regression")
        return {"value": self._numbers(values, names)}

    def _numbers(self, values: NDArray[np.float64], names: list[str]) -> Numbers:
        try:
            return Numbers(values, names)
        except DataError as error:
            self._fail(error.message, error.remedy or "")

    def _labels(self) -> dict[str, Column]:
        cells = self._cells["label"]
        numbers = [number(cell) for cell in cells]
        if all(value is not None for value in numbers):
            values = np.array(numbers, np.float64)
            if (values != np.rint(values)).any():
                self.notes.append("the column 'label' holds numbers: regression")
                return {"value": self._numbers(values, ["label"])}
        open_cells = {cell for cell in cells if bare(cell) is None}
        several = [mark for mark in SEPARATORS if any(mark in cell for cell in open_cells)]
        if len(several) > 1:
            self._fail(
                "separates labels by ';' in some rows and by '|' in others",
                "Use one of them; a name that holds one stands in quotes of its own.",
            )
        if several and not self._coupled(cells, open_cells, several[0]):
            self.notes.append(f"labels are divided by '{several[0]}': several labels an image")
            return {"class": self._several(cells, several[0])}
        words = [bare(cell) or cell for cell in cells]
        columns, notes = from_words(words)
        self.notes += notes
        return columns

    def _coupled(self, cells: list[str], different: set[str], separator: str) -> bool:
        """Are names with a separator in them one label each? They are if no piece of one is ever
        seen in another: labels that apply by themselves would meet in other company.
        """
        pieces = Counter(
            piece.strip() for cell in different for piece in set(cell.split(separator))
        )
        if len(different) == len(cells) or max(pieces.values()) > 1 or "" in pieces:
            return False
        example = next(cell for cell in cells if separator in cell and cell in different)
        self.notes.append(
            Doubt(
                f"'{example}' is taken for one label: what '{separator}' divides never occurs "
                "apart from the rest",
                kind="several labels",
                remedy="If these are several labels, write one column of 0 and 1 for each.",
            )
        )
        return True

    def _several(self, cells: list[str], separator: str) -> Marks:
        """Several labels in a cell."""
        split = [
            [quoted] if (quoted := bare(cell)) else [p.strip() for p in cell.split(separator)]
            for cell in cells
        ]
        for row, cell, pieces in zip(self._rows, cells, split, strict=True):
            if not all(pieces):
                self._fail(f"row {row} has an empty label in '{cell}'", "Delete a separator.")
        spelled = {piece: clean(piece) for pieces in split for piece in pieces}
        classes = sorted(set(spelled.values()))
        self.notes += doubts(classes, spelled)
        place = {name: position for position, name in enumerate(classes)}
        marks = np.zeros((len(cells), len(classes)), np.uint8)
        for index, pieces in enumerate(split):
            marks[index, [place[spelled[piece]] for piece in pieces]] = 1
        return Marks(marks, classes)

    def _no_mask(self, place: int, message: str) -> NoReturn:
        self._fail(f"row {self._rows[place]}: its mask {message}", "Write the split again.")

    def _boxes(self) -> Boxes:
        """Cells such as "10 20 30 40 cat; ignore 5 5 9 9 dog": left, top, right, bottom, class."""
        corners, sizes, words, ignored = array("f"), [], [], []
        for row, cell in zip(self._rows, self._cells["box"], strict=True):
            pieces = box_pieces(cell)
            sizes.append(len(pieces))
            for piece in pieces:
                mark, _, rest = piece.partition(" ")
                ignored.append(mark.lower() == IGNORE)
                *box, word = [*(rest if ignored[-1] else piece).split(None, 4), ""][:5]
                values = [number(value) for value in box]
                left, top, right, bottom = [v or 0.0 for v in (*values, *[None] * 4)][:4]
                if len(box) < 4 or None in values or not (left < right and top < bottom):
                    self._fail(
                        f"row {row} has the box '{piece}'",
                        "Write left, top, right, bottom in pixels, divided by spaces, with "
                        "left < right and top < bottom; and then perhaps the class.",
                    )
                corners.extend((left, top, right, bottom))
                words.append(clean(bare(word) or word) if word else "")
        table = np.frombuffer(corners, np.float32).reshape(-1, 4)
        self._check_pixels(table, "box")
        marks = np.array(ignored) if any(ignored) else None
        classes = sorted(set(words))
        if not any(classes):
            return Boxes(table, np.array(sizes), ignored=marks)
        self.notes += doubts(set(classes) - {""})
        if "" in classes:
            self._fail("names the class of some boxes only", "Write a class after every box.")
        place = {name: position for position, name in enumerate(classes)}
        numbers = np.array([place[word] for word in words])
        return Boxes(table, np.array(sizes), numbers, classes, marks)

    def _dots(self) -> Dots:
        """Cells such as "10 20; 5 5.5" or "10 20 cat": x and y of each, and perhaps a class."""
        places, sizes, words = array("f"), [], list[str]()
        for row, cell in zip(self._rows, self._cells["dot"], strict=True):
            pieces = [piece.strip() for piece in cell.split(";") if piece.strip()]
            sizes.append(len(pieces))
            for piece in pieces:
                x, y, name = [*piece.split(maxsplit=2), "", ""][:3]
                values = number(x), number(y)
                if values[0] is None or values[1] is None:
                    self._fail(
                        f"row {row} has the dot '{piece}'",
                        "Write x and y in pixels and perhaps a class, divided by spaces, and ; "
                        "between two dots.",
                    )
                places.extend((values[0], values[1]))
                words.append(name)
        table, classes = np.frombuffer(places, np.float32), sorted(set(words))
        self._check_pixels(table, "dot")
        if not any(classes):
            return Dots(table, np.array(sizes))
        if "" in classes:
            self._fail("names the class of some dots only", "Write a class after every dot.")
        place = {name: position for position, name in enumerate(classes)}
        return Dots(table, np.array(sizes), np.array([place[word] for word in words]), classes)

    def _check_pixels(self, table: NDArray[np.float32], noun: str) -> None:
        """Fails for places that are fractions of their image: nothing lies within one pixel."""
        if len(table) and table.min() >= 0 and table.max() <= 1 and (table % 1).any():
            self._fail(
                f"has every {noun} between 0 and 1: these are fractions of the image",
                "Write pixels: multiply x by the width of the image and y by its height.",
            )

    def _point(self, row: int, name: str, cell: str) -> tuple[float, float, float]:
        """A cell such as "12.5 40", or an empty one for a point that is not visible."""
        words = cell.split()
        if not words:
            return 0.0, 0.0, 0.0
        values = [number(word) for word in words]
        if len(values) != 2 or values[0] is None or values[1] is None:
            self._fail(
                f"row {row}, column '{POINT}{name}' holds '{cell.strip()}'",
                "Write x and y in pixels, divided by a space, or nothing where it is not visible.",
            )
        return values[0], values[1], 1.0

    def _named_points(self) -> Points:
        self._check_pixels(np.frombuffer(self._places, np.float32), "point")
        column = Points(np.frombuffer(self._places, np.float32), list(self._points))
        if column.pairs:
            pairs = (" and ".join(column.names[point] for point in pair) for pair in column.pairs)
            self.notes.append(f"points that a mirror swaps: {', '.join(pairs)}")
        return column

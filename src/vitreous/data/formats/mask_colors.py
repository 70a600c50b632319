"""Masks drawn in colors, and the table that says which color is which class.

A line a class, in the order of their numbers: `128 64 128 road` (label_colors.txt), or a CSV file
`name,r,g,b` with that header (class_dict.csv).
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vitreous.data.class_names import clean
from vitreous.data.formats.text_lines import read_text_lines
from vitreous.data.images.mask import LARGEST, read_colors
from vitreous.data.images.read_file import printable
from vitreous.errors import DataError, ImageError

COLOR_FILES = ("colors.txt", "label_colors.txt", "class_dict.csv")
LINE = re.compile(r"(\d+)[\s,]+(\d+)[\s,]+(\d+)[\s,]+(\S.*)")
WEIGHTS = np.array([1 << 16, 1 << 8, 1])  # of R, G and B in the one number that stands for a color


@dataclass(frozen=True, eq=False)
class ColorTable:
    """The colors of classes.

    names   of the classes, by number
    colors  (L, 3) uint8 RGB
    """

    names: tuple[str, ...]
    colors: NDArray[np.uint8]

    @classmethod
    def of(cls, path: Path) -> Self:
        """The table of a file. Raises DataError with the line that is wrong."""
        lines = read_text_lines(path)
        rows = _rows_of_csv(lines, path) if path.suffix.lower() == ".csv" else _rows(lines, path)
        names = [clean(name) for name, _ in rows]
        colors = [color for _, color in rows]
        if not rows or len(set(names)) < len(rows) or len(set(colors)) < len(rows):
            raise DataError(
                "is empty, or has a name or a color twice",
                where=printable(path),
                remedy="Write one line for each class: its color, and its name.",
            )
        if len(rows) > LARGEST:
            raise DataError(f"names {len(rows):,} classes", where=printable(path))
        return cls(tuple(names), np.array(colors, np.uint8))

    @classmethod
    def of_colors(cls, keys: Sequence[int]) -> Self:
        """A table of colors that have no names but their own, such as "128 64 128".

        keys  as `color_keys` gives them
        """
        colors = np.array([[key >> 16, key >> 8 & 255, key & 255] for key in keys], np.uint8)
        return cls(tuple(" ".join(map(str, color)) for color in colors.tolist()), colors)

    @property
    def digest(self) -> bytes:
        return hashlib.blake2b(self.colors.tobytes(), digest_size=8).digest()

    def read(self, source: str) -> NDArray[np.uint8]:
        """A mask as (h, w) numbers of lines. Raises ImageError for a color that has no line."""
        keys = color_keys(source)
        known = self.colors @ WEIGHTS
        order = np.argsort(known)
        places = np.searchsorted(known[order], keys).clip(max=len(known) - 1)
        numbers = order[places]
        strange = known[numbers] != keys
        if strange.any():
            key = int(keys[strange][0])
            raise ImageError(
                f"has {int(strange.sum()):,} pixels of colors without a class, such as "
                f"{key >> 16} {key >> 8 & 255} {key & 255}",
                where=printable(source),
                remedy="Add the color to the table of colors, or repair the mask.",
            )
        return np.asarray(numbers, np.uint8)


def color_keys(source: str) -> NDArray[np.int64]:
    """The colors of a mask as (h, w) numbers RRGGBB. Raises ImageError."""
    return np.asarray(read_colors(source) @ WEIGHTS, np.int64)


Row = tuple[str, tuple[int, int, int]]


def _rows(lines: list[str], path: Path) -> list[Row]:
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = LINE.fullmatch(line.strip())
        if not match:
            raise _wrong(path, number, line)
        rows.append((match[4], _color([match[1], match[2], match[3]], path, number)))
    return rows


def _rows_of_csv(lines: list[str], path: Path) -> list[Row]:
    reader = csv.DictReader(lines, skipinitialspace=True)
    fields = {str(name).strip().lower(): name for name in reader.fieldnames or ()}
    if not {"name", "r", "g", "b"} <= fields.keys():
        raise DataError(
            f"has the columns {', '.join(fields) or 'none'}",
            where=printable(path),
            remedy="Its first line has to be name,r,g,b.",
        )
    return [
        (str(row[fields["name"]]).strip(), _color([row[fields[c]] for c in "rgb"], path, number))
        for number, row in enumerate(reader, 2)
    ]


def _color(words: list[str], path: Path, number: int) -> tuple[int, int, int]:
    try:
        red, green, blue = (int(word) for word in words)
    except (TypeError, ValueError):
        raise _wrong(path, number, " ".join(map(str, words))) from None
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise _wrong(path, number, " ".join(words))
    return red, green, blue


def _wrong(path: Path, number: int, line: str) -> DataError:
    return DataError(
        f"is no color and name: '{line.strip()[:40]}'",
        where=f"{printable(path)}, line {number}",
        remedy="Write red, green and blue from 0 to 255, and the name: 128 64 128 road.",
    )

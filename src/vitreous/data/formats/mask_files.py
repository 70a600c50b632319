"""Masks that are stored as images, in files of their own, one for each image."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.cache.file_cache import Ledger, file_keys, stamp
from vitreous.data.class_names import clean
from vitreous.data.formats.mask_colors import COLOR_FILES, ColorTable, color_keys
from vitreous.data.formats.mask_values import check_shades, is_void, meaning, named_values
from vitreous.data.formats.text_lines import read_text_lines
from vitreous.data.images.map_images import map_images
from vitreous.data.images.mask import in_colors, read_mask
from vitreous.data.images.read_file import printable, read_bytes
from vitreous.data.maps import SUMMARY, VALUES, MapRows, Maps, histogram, summary
from vitreous.data.names import Names
from vitreous.errors import DataError, ImageError
from vitreous.formats import counted

SAMPLE = 64  # masks that are looked at where the classes have names
NAMES = ("classes.txt", "codes.txt")  # files that name the classes, one a line, by number
RULES = b"masks 1"  # by which masks are looked at
LISTED = 3  # values of one class that are shown
COLORS = 64  # of masks that are drawn without a table of colors
TASK = 64  # masks that a thread takes at a time


class MaskRows(MapRows):
    """Masks that are stored as images.

    root   the folder, or the address, below which they lie
    name   tells them from others there
    table  (256,) the class number of each stored value; None: they are class numbers
    colors what stands for the values, where masks are drawn in colors
    """

    root: str
    name: str
    table: NDArray[np.uint8] | None = None
    colors: ColorTable | None = None

    @abstractmethod
    def id(self, index: int) -> str: ...

    @abstractmethod
    def stored(self, index: int) -> NDArray[np.uint8]:
        """The values as they are stored; of colors, the lines of their table."""

    def read(self, index: int) -> NDArray[np.uint8]:
        stored = self.stored(index)
        return stored if self.table is None else self.table[stored]

    def rules(self) -> bytes:
        table = b"" if self.table is None else self.table.tobytes()
        return table + (self.colors.digest if self.colors else b"")

    def stored_as(self, number: int) -> str:
        values = [number] if self.table is None else np.flatnonzero(self.table == number).tolist()
        if self.colors is not None:
            lines = [value for value in values if value < len(self.colors.colors)]
            return ", ".join(" ".join(map(str, self.colors.colors[n].tolist())) for n in lines)
        return ", ".join(map(str, values[:LISTED])) + (", …" if len(values) > LISTED else "")

    def scan(self) -> NDArray[np.void]:
        """Every mask is read once; what is known of its file is kept."""
        summaries = np.zeros(len(self), SUMMARY)
        rules = RULES + (self.colors.digest if self.colors else b"")
        ledger, (keys, cacheable) = Ledger("masks", self), file_keys(self, rules)
        rows = summaries.view(np.uint8).reshape(len(summaries), SUMMARY.itemsize)
        unknown = np.flatnonzero(~ledger.recall(keys, rows))

        def examine(index: int) -> tuple[Any, ...]:
            return summary(self.stored(index))

        for indices, found, _ in map_images(self, examine, SUMMARY, unknown, chunk=TASK):
            summaries[indices] = (
                found  # zeros for a mask that cannot be read: it is named when packed
            )
        there = cacheable & (summaries["size"] > 0).all(axis=1)
        if len(unknown) and there.any():
            ledger.keep(keys[there], rows[there])
        if self.table is not None:
            counts = np.zeros_like(summaries["counts"])
            for value, number in enumerate(self.table.tolist()):
                counts[:, number] += summaries["counts"][:, value]
            summaries["counts"] = counts
        return summaries


class MaskFiles(MaskRows):
    """One file a mask.

    root   the folder to which names are relative
    names  of the files, in order
    """

    def __init__(
        self,
        root: Path,
        names: Names,
        table: NDArray[np.uint8] | None = None,
        colors: ColorTable | None = None,
    ):
        self.root, self.name = os.fspath(root), "masks"
        self.names, self.table, self.colors = names, table, colors

    def __len__(self) -> int:
        return len(self.names)

    def id(self, index: int) -> str:
        return self.names[index]

    def source(self, index: int) -> str:
        return os.path.join(self.root, self.names[index])

    def stored(self, index: int) -> NDArray[np.uint8]:
        source = self.source(index)
        return read_mask(source) if self.colors is None else self.colors.read(source)

    def digest(self, index: int) -> bytes:
        try:
            content = read_bytes(self.source(index)) + self.rules()
        except ImageError:
            return b"unreadable"
        return hashlib.blake2b(content, digest_size=16).digest()

    def stamp(self, index: int) -> bytes:
        return stamp(self.source(index))


def masks_in_files(
    root: Path, names: Names, known: Sequence[str] | None = None
) -> tuple[Maps, str]:
    """The column of these masks, and what their values were taken for, in words.

    known  names of the classes where no file names them

    Colors mean the lines of a table of colors, or without one a class each. Numbers are named by
    the lines of a file classes.txt or codes.txt, or else by the numbers that all masks together
    show. These files lie in `root` or above the masks. Raises DataError if no mask can be read.
    """
    files = MaskFiles(root, names)
    found = _file_above(files, COLOR_FILES)
    if found and in_colors(files.source(0)):
        colors = ColorTable.of(found)
        means = named_values(colors.names, printable(found))
        told = f"{counted(len(means.classes), 'class')} of masks, by the colors in"
        column = Maps(MaskFiles(root, names, means.table, colors), means.classes)
        return column, f"{told} {printable(found)}{means.note}"
    if not found and in_colors(files.source(0)) and (keys := _colors(files)):
        colors = ColorTable.of_colors(keys)
        note = (
            f"masks are drawn in {counted(len(keys), 'color')}, which are taken for the classes: "
            f"{', '.join(colors.names)}; a file colors.txt beside their folder names them"
        )
        return Maps(MaskFiles(root, names, None, colors), colors.names), note
    path = _file_above(files, NAMES)
    words = _lines(path) if path else [*known] if known else None
    if words and len(words) != 2:
        shown = _sampled(files)
    else:  # of two classes one may be white, and that in one mask of a thousand
        counts = files.scan()["counts"].sum(axis=0, dtype=np.int64)
        check_shades(counts, printable(path or root))
        shown = np.asarray(counts > 0)
    if words is None and not shown.any():
        raise _unreadable(files)
    means = meaning(shown, words, printable(path or root))
    column = Maps(MaskFiles(root, names, means.table), means.classes)
    if path:
        told = f"{counted(len(means.classes), 'class')} of masks, named by"
        return column, f"{told} {printable(path)}{means.note}"
    if found:
        unused = f"{printable(found)} is not used: masks hold numbers, no colors"
        return column, "; ".join(filter(None, (unused, means.note)))
    return column, means.note


def _colors(files: MaskFiles) -> list[int]:
    """The colors of all masks, as RRGGBB; none if there are too many for classes."""
    row = np.dtype((np.int64, (COLORS + 1,)))

    def examine(index: int) -> NDArray[np.int64]:
        found = np.full(COLORS + 1, -1)
        keys = np.unique(color_keys(files.source(index)))[: COLORS + 1]
        found[: len(keys)] = keys
        return found

    known: set[int] = set()
    for indices, found, bad in map_images(files, examine, row, chunk=TASK):
        read = ~np.isin(indices, [image.index for image in bad])  # others are named when packed
        known |= {*np.unique(found[read]).tolist()} - {-1}
        if len(known) > COLORS:
            return []
    return sorted(known)


def _file_above(files: MaskFiles, names: tuple[str, ...]) -> Path | None:
    """The first file so called: in the root, or in one of the three folders above a mask."""
    above = Path(os.path.abspath(files.source(0))).parents[:3]
    places = (folder / name for folder in (Path(files.root), *above) for name in names)
    return next((place for place in places if place.is_file()), None)


def _lines(path: Path) -> list[str]:
    """The names of the classes, the first line that of class 0."""
    words = [clean(line) if line.strip() else "" for line in read_text_lines(path)]
    while words and not words[-1]:
        words.pop()
    named = [word for word in words if not is_void(word)]
    if not named or "" in words or len(set(named)) < len(named):
        raise DataError(
            "has empty lines, or a name twice",
            where=printable(path),
            remedy="Write one name for each class, a line each, class 0 first, and - for a number "
            "that is ignored.",
        )
    return words


def _sampled(files: MaskFiles) -> NDArray[np.bool_]:
    """(256,) the values that some of the masks show: enough to tell black and white ones."""
    shown = np.zeros(VALUES, bool)
    for index in np.unique(np.linspace(0, len(files) - 1, SAMPLE).astype(np.int64)).tolist():
        try:
            shown |= histogram(files.read(index)) > 0
        except ImageError:
            continue  # it is named when it is packed
    return shown


def _unreadable(files: MaskFiles) -> DataError:
    try:
        files.read(0)
    except ImageError as error:
        return DataError(
            f"none of the {len(files):,} masks can be read; the first {error.message}",
            where=error.where,
            remedy=error.remedy,
        )
    raise AssertionError("a mask without pixels")

"""Rows of a table in a text file (CSV, TSV): its encoding, its separator, and where it breaks."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from vitreous.data.images.file_type import recognize
from vitreous.data.images.read_file import printable
from vitreous.data.manifest_words import SYNONYMS
from vitreous.errors import DataError
from vitreous.files import wide_cells

SEPARATORS = ",;\t|"
AS_UTF8 = "Save it as CSV in UTF-8 (Excel: 'CSV UTF-8')."
DECLARED = re.compile(r"sep=(.)\r?\n")  # how Excel is told the separator
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
UTF_32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
WORKBOOKS = {b"PK\3\4": "an Excel workbook", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
PARQUET = b"PAR1"
PATHS = {"path", *(word for word, column in SYNONYMS.items() if column == "path")}


@dataclass(frozen=True)
class Row:
    """The cells of a row.

    number  of its first line, as an editor counts lines
    """

    number: int
    cells: list[str]


def read_rows(path: Path) -> Iterator[Row]:
    """Rows that are not blank, the header first. Bytes that are no UTF-8 survive as the file
    system's own escapes. Raises DataError.
    """
    where = printable(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", where=where, remedy="Check the file."
        ) from error
    refuse_other_kinds(data[:512], where)
    return _rows(data.decode("utf-8-sig", "surrogateescape"), where)


def refuse_other_kinds(head: bytes, where: str) -> None:
    """Raises DataError for the first bytes of what programs for tables write, and is no text."""
    kind = next((name for mark, name in WORKBOOKS.items() if head.startswith(mark)), None)
    if kind:
        raise DataError(f"is {kind}", where=where, remedy="Save the sheet as CSV in UTF-8.")
    if head.startswith(PARQUET):
        remedy = (
            "Write it as CSV: pandas.read_parquet(...).to_csv(..., index=False). If it holds the "
            "images themselves, rename it to .parquet."
        )
        raise DataError("is a Parquet file", where=where, remedy=remedy)
    even, odd = (head[start::2].count(b"\0") > len(head) // 4 for start in (0, 1))
    if head.startswith(UTF_16) or even or odd:  # where letters of Europe have their zeros
        wide = head.startswith(UTF_32) or head.count(b"\0") > 5 * len(head) // 8
        raise DataError(f"is text in UTF-{32 if wide else 16}", where=where, remedy=AS_UTF8)
    found = recognize(head)
    if "archive" in found.name:
        raise DataError(f"is {found.name}", where=where, remedy=found.remedy)
    if head.count(b"\0") > len(head) // 16:  # names may hold other control characters
        remedy = "Give a CSV file: a row for each image, in UTF-8."
        raise DataError("is no text", where=where, remedy=remedy)


def refuse_encoding(row: int, cell: str, where: str) -> NoReturn:
    """The error for a cell that holds bytes which are no UTF-8."""
    raw = cell.encode("utf-8", "surrogateescape")
    try:
        guess = f" (in Windows-1252 it would be '{raw.decode('cp1252')}')"
    except UnicodeDecodeError:
        guess = ""
    raise DataError(
        f"row {row} holds '{printable(cell)}', which is not UTF-8{guess}",
        where=where,
        remedy=AS_UTF8,
    )


def is_foreign(cell: str) -> bool:
    """Does a cell hold bytes that are no UTF-8?"""
    return any("\udc80" <= letter <= "\udcff" for letter in cell)


def _rows(text: str, where: str) -> Iterator[Row]:
    declared = DECLARED.match(text)
    skipped = 0
    if declared:
        text, skipped = text[declared.end() :], 1
    separator = declared[1] if declared else _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    last = 0
    try:
        while True:
            with wide_cells():
                cells = next(reader, None)
            if cells is None:
                return
            number, last = last + 1 + skipped, reader.line_num
            if any(cell.strip() for cell in cells):
                yield Row(number, cells)
    except csv.Error as error:
        start = last + 1 + skipped
        opened = "a quote opens and is never closed" if "end of data" in str(error) else str(error)
        raise DataError(
            f"row {start} is no CSV: {opened}",
            where=where,
            remedy="Check the quotes in that row; inside of quotes a quote is written twice.",
        ) from error


def _separator(text: str) -> str:
    """The one by which the header has a column of paths, or else the most columns."""
    first = text.lstrip("\r\n").split("\n", 1)[0]

    def names(separator: str) -> list[str]:
        try:
            return next(csv.reader([first], delimiter=separator), [])
        except csv.Error:
            return []

    def fits(separator: str) -> tuple[bool, int]:
        cells = [cell.strip().lower() for cell in names(separator)]
        return bool(PATHS.intersection(cells)), len(cells)

    return max(SEPARATORS, key=fits)

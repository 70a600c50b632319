"""Lines of a text file with names of classes; what is no UTF-8 is an error with a guess."""

from __future__ import annotations

from pathlib import Path

from vitreous.data.formats.table_rows import is_foreign, refuse_encoding, refuse_other_kinds
from vitreous.data.images.read_file import printable


def read_text_lines(path: Path) -> list[str]:
    """The lines of a file in UTF-8. Raises DataError for another encoding, with the line."""
    data = path.read_bytes()
    refuse_other_kinds(data[:512], printable(path))
    lines = data.decode("utf-8-sig", "surrogateescape").splitlines()
    for number, line in enumerate(lines, 1):
        if is_foreign(line):
            refuse_encoding(number, line, printable(path))
    return lines

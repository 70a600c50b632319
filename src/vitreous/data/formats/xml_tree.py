"""XML files as trees: read with bounds, and without entities, which may swell or reach elsewhere.

A document type is where entities are declared, and annotations have none: it is refused as it
stands, whatever the encoding. The parser opens no other file and no connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from vitreous.data.images.read_file import printable
from vitreous.errors import DataError

MAX_BYTES = 16 << 20  # of a file; an annotation has some thousand
MAX_DEPTH = 64  # of elements within elements


def read_xml(path: Path) -> Element:
    """The root of a file's tree. Raises DataError with file and line."""
    where = printable(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", where=where, remedy="Check the file."
        ) from error
    if len(content) > MAX_BYTES:
        raise DataError(f"has more than {MAX_BYTES:,} bytes", where=where, remedy="Remove it.")
    builder, parser = TreeBuilder(), expat.ParserCreate()
    depth = 0

    def refuse(*_: Any) -> NoReturn:
        raise DataError(
            "declares a document type, which could hide what is read",
            where=f"{where}, line {parser.CurrentLineNumber}",
            remedy="Delete the line with <!DOCTYPE.",
        )

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            line = parser.CurrentLineNumber
            message = f"has elements nested more than {MAX_DEPTH} deep"
            raise DataError(message, where=f"{where}, line {line}", remedy="Remove it.")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise DataError(
            f"is no XML: {expat.ErrorString(error.code)}",
            where=f"{where}, line {error.lineno}",
            remedy="Mend that line, or remove the file.",
        ) from error
    return builder.close()

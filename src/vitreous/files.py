"""Small files of plain values: JSON, JSON lines, YAML and CSV, each written atomically."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vitreous.atomic import storage_errors, write_text
from vitreous.errors import DivergedError, RunError


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line; none if there is no such file."""
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def append_line(path: Path, line: Mapping[str, Any]) -> None:
    """Add an object to such a file. A line that a crash or a full disk has cut stays a line of its
    own: it takes no other with it. Raises StorageError.
    """
    with storage_errors(path), path.open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 1, 0))
        torn = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * torn + json.dumps(line).encode() + b"\n")


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    write_text(path, "".join(json_text(line) + "\n" for line in lines))


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column; none if there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    write_text(path, table_text([columns, *rows]))


def table_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV. Lines end with a line feed, and a cell with a carriage return is quoted."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")  # either of which is quoted in a cell
    lines = []
    for row in rows:
        writer.writerow(row)
        lines.append(file.getvalue()[:-2] + "\n")
        file.seek(0)
        file.truncate()
    return "".join(lines)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json_text(value, indent=1) + "\n")


def json_text(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON, which knows neither NaN nor infinity. Raises DivergedError for these."""
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:
        place = next(strange(value), None)
        if place is None:
            raise
        raise DivergedError(
            f"{place} is not a finite number",
            remedy="Training has diverged: train again with a lower --lr or --clip 1.",
        ) from None


def strange(value: Any, place: str = "") -> Iterator[str]:
    """The places of all numbers that are not finite, such as `scores.test.loss`."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place or "the result"
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    for name, inside in value.items() if isinstance(value, Mapping) else ():
        yield from strange(inside, f"{place}.{name}" if place else str(name))


def read_json(path: Path) -> Any:
    return _parsed(path, json.loads)


def read_yaml(path: Path) -> Any:
    import yaml  # takes as long as the rest of the command line together

    return _parsed(path, yaml.safe_load, yaml.YAMLError)


def read_yaml_texts(path: Path) -> Any:
    """As `read_yaml`, but every value is the text that is written there. A name that comes twice is
    an error, since only one of the two could count.
    """
    import yaml

    class Texts(yaml.BaseLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            names = [name.value for name, _ in node.value]
            if twice := {name for name in names if names.count(name) > 1}:
                raise yaml.YAMLError(f"'{min(twice)}' is given twice")
            found: dict[Any, Any] = super().construct_mapping(node, deep)
            return found

    return _parsed(path, lambda text: yaml.load(text, Texts), yaml.YAMLError)


def _parsed(path: Path, parse: Any, foreign: type[Exception] = ValueError) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError, RecursionError, foreign) as error:
        raise RunError(f"cannot be read: {error}", where=str(path)) from error

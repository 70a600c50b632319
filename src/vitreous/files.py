"""Small files of plain values: JSON, JSON lines, YAML and CSV, each written atomically."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vitreous.atomic import storage_errors, write_text
from vitreous.errors import DivergedError, RunError, VitreousError
from vitreous.formats import is_moment

# What a reader may raise whose file holds something else than it expects.
FOREIGN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


WIDEST = 1 << 26  # letters of a cell: the outline of a mask, or the dots of a crowd


@contextmanager
def wide_cells() -> Iterator[None]:
    """Within the block `csv` reads cells of any sensible length; its own bound is 131,072."""
    before = csv.field_size_limit(WIDEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Whatever the content of a file makes its readers raise in the block becomes a RunError with
    its place.
    """
    try:
        yield
    except VitreousError:
        raise
    except FOREIGN as error:
        reason = str(error) if isinstance(error, ValueError) else repr(error)
        raise RunError(
            f"is damaged, or was written by something else: {reason[:200]}",
            where=str(path),
            remedy="Bring back the file that this run has written.",
        ) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line; none if there is no such file. A line that is none,
    such as one that was cut by a crash, is passed over.
    """
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, RecursionError):
            lines.append(json.loads(text))
    return [line for line in lines if isinstance(line, dict)]


def read_events(path: Path) -> list[dict[str, Any]]:
    """Those of the lines that have a time."""
    return [line for line in read_lines(path) if is_moment(line.get("time"))]


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


def read_table(path: Path, columns: Sequence[str] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file by column; none if there is no such file.

    Raises RunError where it does not have these columns, or a row not all of its cells.
    """
    if not path.is_file():
        return []
    with (
        understood(path),
        wide_cells(),
        path.open(encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        try:
            table = csv.DictReader(file)
            rows, names = list(table), table.fieldnames or ()
        except csv.Error as error:
            raise ValueError(str(error)) from error
        if missing := [name for name in columns if name not in names]:
            raise ValueError(f"there is no column '{missing[0]}'")
        if any(None in row or None in row.values() for row in rows):
            raise ValueError("a row has more or fewer cells than there are columns")
        return rows


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    write_text(path, table_text([columns, *rows]))


def table_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV. Lines end with a line feed, and a cell with a carriage return is quoted."""
    lines: list[str] = []
    # Either of the two characters that end a line here is quoted in a cell.
    csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n").writerows(rows)
    return "".join(f"{line[:-2]}\n" for line in lines)


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

    return _parsed(path, partial(yaml.load, Loader=_plain(yaml.SafeLoader)), yaml.YAMLError)


def read_yaml_texts(path: Path) -> Any:
    """As `read_yaml`, but every value is the text that is written there."""
    import yaml

    return _parsed(path, partial(yaml.load, Loader=_plain(yaml.BaseLoader)), yaml.YAMLError)


def _plain(loader: Any) -> Any:
    """A loader of YAML that refuses what could mean something else than it seems: a name that comes
    twice, and values that refer to others, of which a few lines unfold to more than fits.
    """
    import yaml

    class Plain(loader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("values that refer to others are not read")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            names = [name.value for name, _ in node.value if isinstance(name.value, str)]
            if twice := {name for name in names if names.count(name) > 1}:
                raise yaml.YAMLError(f"'{min(twice)}' is given twice")
            return super().construct_mapping(node, deep)

    return Plain


def _parsed(path: Path, parse: Any, foreign: type[Exception] = ValueError) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError, RecursionError, foreign) as error:
        raise RunError(
            f"cannot be read: {error}",
            where=str(path),
            remedy="Bring back the file as it was written, or mend what is named here.",
        ) from error

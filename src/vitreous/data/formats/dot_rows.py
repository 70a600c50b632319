"""Dots in rows of their own: several rows an image, each with the place of one thing to count.

`path,x,y` and perhaps `label`; an image with an empty x and y has none. Such rows become one of
each image, with a column `dot`. Where each image has one row, with a place, there is nothing to
count.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from vitreous.data.formats.table_rows import Row
from vitreous.data.manifest_words import COLUMNS, number
from vitreous.errors import DataError

PLACE = ("x", "y")
CLASS = ("label", "class", "category")


def with_dots(rows: Iterator[Row], where: str) -> Iterator[Row]:
    """The rows of a table, the header first; rows of dots joined to one of each image.

    Raises DataError for a dot without a place, and for rows that contradict each other.
    """
    head = next(rows, None)
    if head is None:
        return iter(())
    names = [cell.strip().lower() for cell in head.cells]
    known = {*COLUMNS, *PLACE, *CLASS}
    if not {"path", *PLACE} <= {*names} <= known or len(set(names)) < len(names):
        return chain([head], rows)
    table = list(rows)
    at = {name: names.index(name) for name in names}
    whole = [row for row in table if len(row.cells) == len(names)]
    paths = [row.cells[at["path"]].strip() for row in whole]
    bare = any(not row.cells[at[name]].strip() for row in whole for name in PLACE)
    single = len(set(paths)) == len(paths) and not bare
    if single and table and not {*CLASS} & {*names}:
        raise DataError(
            "has one x and y for each image",
            where=where,
            remedy="For one point an image, write a column 'point NAME' with x and y, divided by a "
            "space; for dots to be counted, a row for each, or a column 'dot'; for numbers, other "
            "names.",
        )
    if single or len(whole) < len(table):
        return chain([head], table)
    return _joined(head, whole, at, where)


def _joined(head: Row, rows: list[Row], at: dict[str, int], where: str) -> Iterator[Row]:
    kind = next((name for name in CLASS if name in at), None)
    kept = [name for name in at if name not in PLACE and name != kind]
    images: dict[str, tuple[int, list[str], list[str]]] = {}  # row, kept cells and dots of each
    for row in rows:
        cells = [row.cells[at[name]] for name in kept]
        path = row.cells[at["path"]].strip()
        first, others, dots = images.setdefault(path, (row.number, cells, []))
        if cells != others:
            raise DataError(
                f"rows {first} and {row.number} of {path} differ in their "
                f"{next(n for n, a, b in zip(kept, cells, others, strict=True) if a != b)}",
                where=where,
                remedy="Write the same in all rows of an image.",
            )
        words = [row.cells[at[name]].strip() for name in PLACE]
        if not any(words):
            continue
        if None in map(number, words):
            raise DataError(
                f"row {row.number} has x '{words[0]}' and y '{words[1]}'",
                where=where,
                remedy="Write both in pixels, or leave both empty where the image has no dot.",
            )
        word = row.cells[at[kind]].strip() if kind else ""
        if ";" in word:
            raise DataError(
                f"row {row.number} has the {kind} '{word}'",
                where=where,
                remedy="Write the one class of the dot, without ';'.",
            )
        dots.append(" ".join([*words, *([word] if word else [])]))
    yield Row(head.number, [*kept, "dot"])
    for number_of, cells, dots in images.values():
        yield Row(number_of, [*cells, "; ".join(dots)])

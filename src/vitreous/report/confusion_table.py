"""Confusion matrix of a report: numbers in shaded cells where they fit, else a map of shades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from vitreous.drawing.confusion_map import heat_map
from vitreous.formats import counted, quantity
from vitreous.metrics.confusion import Confusion, ConfusionCounts
from vitreous.tasks.section import Matrix

NUMBERED = 20  # classes up to which the matrix shows its numbers
STACKED = 40  # classes up to which there is room beside it
LONG = 100_000  # counts from here on are written as 123 k
CELLS = ((3, 5.0), (6, 3.6), (12, 2.6), (10**9, 2.1))  # most classes, rem of a cell of the matrix


@dataclass(frozen=True)
class ConfusionTable:
    """A matrix ready to be laid out.

    total, errors  in words
    rows     (class, [(count in words, shade in [0, 1])]) where numbers fit; else there is the map
    cell     side in rem; upright: do the names of the columns stand on end?
    top      the most frequent errors
    """

    total: str
    errors: int
    rows: list[tuple[str, list[tuple[str, float]]]]
    map: Markup | None
    cell: float
    upright: bool
    stacked: bool
    top: tuple[Confusion, ...]


def confusion_table(matrix: Matrix) -> ConfusionTable:
    """Shades are shares of the row; errors are exaggerated so that they show."""
    cells, classes = matrix.cells, matrix.classes
    numbered = len(classes) <= NUMBERED
    total = int(cells.counts.sum())
    return ConfusionTable(
        total=counted(total, matrix.noun),
        errors=total - int(cells.hits.sum()),
        rows=[
            (name, [(short(count), level) for count, level in zip(numbers, shades, strict=True)])
            for name, numbers, shades in (shaded(cells, classes) if numbered else ())
        ],
        map=None if numbered else heat_map(cells.truth, cells.answered, cells.counts, classes),
        cell=next(rem for most, rem in CELLS if len(classes) <= most),
        upright=len(classes) > 4 and max(map(len, classes)) > 3,
        stacked=len(classes) > STACKED,
        top=cells.top(classes),
    )


def shaded(
    cells: ConfusionCounts, classes: Sequence[str]
) -> Iterator[tuple[str, list[int], list[float]]]:
    """Name, counts and shades of each row."""
    counts = cells.matrix
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # An error in a thousand must show, so errors grow by the root and start at a visible shade.
    wrong = np.where(share > 0, 0.12, 0) + 0.88 * share**0.5
    shade = np.where(np.eye(len(counts)) > 0, share, wrong)
    yield from zip(classes, counts.tolist(), shade.tolist(), strict=True)


def short(count: int) -> str:
    """As it fits into a cell."""
    return f"{count:,}" if count < LONG else quantity(count)

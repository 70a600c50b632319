"""The confusion matrix of many classes as one small drawing.

A cell each would weigh megabytes; instead all cells of one shade are a single path. Names stand at
both sides while they fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vitreous.drawing.chart import join
from vitreous.formats import percent

LEVELS = 8  # shades
MOST_CELLS = 30_000  # drawn, about 400 kB; the faintest errors go first
NAMED = 150  # classes up to which each has its name at the side


def heat_map(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    counts: NDArray[np.int64],
    classes: Sequence[str],
) -> Markup:
    """A large confusion matrix: shades only, by the share of the row; names while they fit.

    rows, columns, counts  (K,) the cells that are not empty, in the order of rows
    """
    count = len(classes)
    share = counts / np.bincount(rows, counts, count)[rows]
    right = rows == columns
    wrong = np.where(right, 0.0, share)
    if (wrong > 0).sum() > MOST_CELLS:
        least = np.partition(wrong, -MOST_CELLS)[-MOST_CELLS]
        wrong[wrong < least] = 0
    faintest = 0.12 if count <= 60 else 0.25 if count <= NAMED else 0.5  # the smaller, the stronger
    shade = np.where(wrong > 0, faintest + (1 - faintest) * np.sqrt(wrong), 0.0)
    paths = [
        *_shades(rows, columns, np.where(right, share, 0.0), "right"),
        *_shades(rows, columns, shade, "wrong"),
    ]
    named = count <= NAMED
    at_rows, at_columns = [], []
    for number, name in enumerate(classes):
        if named or number % ceil(count / 20) == 0:
            text = name if named else f"{number + 1}"
            place = 100 * (number + 0.5) / count
            at_rows.append(Markup('<span style="top:{:.3f}%">{}</span>').format(place, text))
            at_columns.append(Markup('<span style="left:{:.3f}%">{}</span>').format(place, text))
    return Markup(
        '<div class="scroll" tabindex="0" role="group" aria-label="Confusion matrix, scrollable">'
        '<div class="heat" style="--classes:{count};--cell:{cell}px;--names:{names}rem" role="img"'
        ' aria-label="Confusion matrix of {count} classes; {right} lie on the diagonal">'
        '<div class="heat-columns">{columns}</div><div class="heat-rows">{rows}</div>'
        '<svg viewBox="0 0 {count} {count}" preserveAspectRatio="none"'
        ' shape-rendering="crispEdges">{paths}</svg></div></div>'
    ).format(
        count=count,
        cell=14 if count <= 60 else 9 if named else round(max(900 / count, 0.9), 2),
        names=7 if count <= 60 else 5.5 if named else 3,
        right=percent(counts[right].sum() / max(counts.sum(), 1)),
        columns=join(at_columns),
        rows=join(at_rows),
        paths=join(paths),
    )


def _shades(
    rows: NDArray[np.int64], columns: NDArray[np.int64], share: NDArray[np.float64], kind: str
) -> list[Markup]:
    """Cells of [0, 1] as one path a shade, runs along a row merged."""
    level = np.ceil(share * LEVELS).astype(np.int64)
    paths = []
    for shade in range(1, LEVELS + 1):
        seen = level == shade
        cells = [
            f"M{column} {row}h{length}v1h-{length}z"
            for row, column, length in _runs(rows[seen], columns[seen])
        ]
        if cells:
            paths.append(
                Markup('<path class="{}" opacity="{:.2f}" d="{}"/>').format(
                    kind, shade / LEVELS, "".join(cells)
                )
            )
    return paths


def _runs(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Row, first column and length of cells that stand side by side."""
    begins = np.ones(len(rows), bool)
    begins[1:] = (np.diff(rows) != 0) | (np.diff(columns) != 1)
    firsts = np.flatnonzero(begins)
    lengths = np.diff([*firsts.tolist(), len(rows)])
    return list(zip(rows[firsts].tolist(), columns[firsts].tolist(), lengths.tolist(), strict=True))

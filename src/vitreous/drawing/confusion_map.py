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


def heat_map(matrix: NDArray[np.number], classes: Sequence[str]) -> Markup:
    """A large confusion matrix: shades only, by the share of the row; names while they fit."""
    counts = np.asarray(matrix, np.float64)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    wrong = share.copy()
    np.fill_diagonal(wrong, 0)
    if (wrong > 0).sum() > MOST_CELLS:
        least = np.partition(wrong, -MOST_CELLS, axis=None)[-MOST_CELLS]
        wrong[wrong < least] = 0
    count = len(classes)
    faintest = 0.12 if count <= 60 else 0.25 if count <= NAMED else 0.5  # the smaller, the stronger
    shade = np.where(wrong > 0, faintest + (1 - faintest) * np.sqrt(wrong), 0.0)
    paths = [*_shades(np.diag(np.diag(share)), "right"), *_shades(shade, "wrong")]
    named = count <= NAMED
    rows, columns = [], []
    for number, name in enumerate(classes):
        if named or number % ceil(count / 20) == 0:
            text = name if named else f"{number + 1}"
            place = 100 * (number + 0.5) / count
            rows.append(Markup('<span style="top:{:.3f}%">{}</span>').format(place, text))
            columns.append(Markup('<span style="left:{:.3f}%">{}</span>').format(place, text))
    right = np.trace(counts) / max(counts.sum(), 1)
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
        right=percent(right),
        columns=join(columns),
        rows=join(rows),
        paths=join(paths),
    )


def _shades(share: NDArray[np.float64], kind: str) -> list[Markup]:
    """Cells of [0, 1] as one path a shade, runs along a row merged."""
    level = np.ceil(share * LEVELS).astype(np.int64)
    paths = []
    for shade in range(1, LEVELS + 1):
        cells = []
        for row, column, length in _runs(level == shade):
            cells.append(f"M{column} {row}h{length}v1h-{length}z")
        if cells:
            paths.append(
                Markup('<path class="{}" opacity="{:.2f}" d="{}"/>').format(
                    kind, shade / LEVELS, "".join(cells)
                )
            )
    return paths


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    return list(zip(rows.tolist(), starts.tolist(), (ends - starts).tolist(), strict=True))

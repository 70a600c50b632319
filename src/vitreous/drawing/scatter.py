"""Scatter chart of answers over truths: on the diagonal every answer is right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vitreous.drawing.axis import Axis, axis
from vitreous.drawing.chart import grid, svg, x_ticks, y_ticks
from vitreous.formats import plain

MOST_DOTS = 3000  # drawn, about 40 kB
DIAGONAL = Markup('<path class="diagonal" d="M0 1000L1000 0"/>')


def scatter_chart(
    truth: Sequence[float], answer: Sequence[float], *, title: str, unit: str = ""
) -> Markup:
    """Both axes are the same, so that distance from the diagonal is error.

    Of very many points some are drawn, chosen evenly by their truth, and it is said. What is not
    finite has no place; it is counted in words.

    truth, answer  (N,)
    unit           of both
    """
    points = np.column_stack([np.asarray(truth, np.float64), np.asarray(answer, np.float64)])
    known = points[np.isfinite(points).all(axis=1)]
    scale = axis(known.ravel().tolist(), count=5)
    ordered = known[np.argsort(known[:, 0], kind="stable")]
    every = np.linspace(0, len(known) - 1, min(len(known), MOST_DOTS)).round().astype(np.int64)
    shown = ordered[every]
    remarks = []
    if len(shown) < len(known):
        remarks.append(f"{len(shown):,} of {len(known):,} points are drawn")
    if len(known) < len(points):
        remarks.append(f"{len(points) - len(known):,} that are no finite numbers are left out")
    behind = f" ({unit})" if unit else ""
    return Markup(
        '<figure class="chart scatter"><figcaption>{title}</figcaption>'
        '<div class="plot square" role="img" aria-label="{words}">{svg}{y}{x}'
        '<span class="y-label" aria-hidden="true">answer{behind}</span></div>'
        '<div class="x-label" aria-hidden="true">truth{behind}</div>{remarks}</figure>'
    ).format(
        title=title,
        words=_in_words(title, known, unit),
        svg=svg([grid(scale), DIAGONAL, _dots(shown, scale)]),
        y=y_ticks(scale, plain),
        x=x_ticks(scale, plain),
        behind=behind,
        remarks=Markup('<p class="hint">{}.</p>').format("; ".join(remarks)) if remarks else "",
    )


def _dots(points: NDArray[np.float64], scale: Axis) -> Markup:
    """Strokes of hardly any length with round ends: they stay round however it is stretched."""
    places = 1000 * np.column_stack([scale.place(points[:, 0]), 1 - scale.place(points[:, 1])])
    path = "".join(f"M{x:.0f} {y:.0f}h.1" for x, y in places.tolist())
    return Markup('<path class="dots" d="{}"/>').format(path)


def _in_words(title: str, known: NDArray[np.float64], unit: str) -> str:
    if not len(known):
        return f"{title}: no points."
    (low, least), (high, most) = known.min(axis=0), known.max(axis=0)
    error = float(np.median(np.abs(known[:, 1] - known[:, 0])))
    behind = f" {unit}" if unit else ""
    return (
        f"{title}: {len(known):,} points; truths from {plain(low)} to {plain(high)}{behind},"
        f" answers from {plain(least)} to {plain(most)}{behind}; half of the answers are off by"
        f" at most {plain(error)}{behind}."
    )

"""Charts as small pieces of HTML and SVG that carry their own words.

Lines and areas are SVG stretched to whatever width there is; names and numbers are HTML placed by
percentages, so that text keeps its size from a phone to a wide screen. Colors come from the
page's style sheet (classes `s1`, `s2`, ..., `right`, `wrong`), so that a chart follows light, dark
and paper. Nothing here needs a script.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from vitreous.drawing.axis import Axis, axis, tight_axis
from vitreous.formats import Format, plain

MOST_POINTS = 500  # of a line; more could not be told apart on a screen
SEPARATE = 40  # classes whose bars stand apart, at most


@dataclass(frozen=True)
class Line:
    """One curve: a name for the legend, points (NaN where unknown), and which color it has."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    color: int = 1


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_format: Format = plain,
    mark: tuple[float, str] | None = None,
    kind: Literal["curves", "rate", "shares"] = "curves",
    log_x: bool = False,
) -> Markup:
    """Curves over a common axis; logarithmic where the values span more than 1 : 50.

    kind  rate: low, wide and from 0, for what is known beforehand; shares: from 0 to 1
    mark  a place on the x axis and its name, drawn as a vertical line
    log_x  the x axis has powers of ten, such as for learning rates
    """
    values = [y for line in lines for y in line.ys if isfinite(y)]
    positive = bool(values) and min(values) > 0
    places = [x for line in lines for x in line.xs]
    horizontal = axis(places, log=True) if log_x else tight_axis(places)
    log = kind == "curves" and positive and max(values) > 50 * min(values)
    values += [0.0, 1.0] if kind == "shares" else []
    vertical = axis(values, log=log, zero=kind == "rate", count=3 if kind == "rate" else 5)
    drawn = [grid(vertical)]
    for line in lines:
        xs, ys = thin(line.xs, line.ys)
        path = _path(horizontal.place(xs), _place_known(vertical, ys))
        drawn.append(Markup('<path class="line s{}" d="{}"/>').format(line.color, path))
    notes = []
    if mark is not None and horizontal.low <= mark[0] <= horizontal.high:
        x = float(horizontal.place(mark[0]))
        drawn.append(Markup('<path class="mark" d="M{0:.1f} 0V1000"/>').format(1000 * x))
        side = "early" if x < 0.15 else "late" if x > 0.85 else ""
        notes.append(
            Markup('<span class="mark-name {}" style="left:{:.2f}%">{}</span>').format(
                side, 100 * x, mark[1]
            )
        )
    return Markup(
        '<figure class="chart {kind}"><figcaption>{title}</figcaption>{legend}'
        '<div class="plot" role="img" aria-label="{words}">{svg}{y}{x}{notes}</div>'
        '<div class="x-label" aria-hidden="true">{x_label}</div></figure>'
    ).format(
        kind=kind,
        title=title,
        legend=_legend((line.name, line.color) for line in lines) if kind != "rate" else "",
        words=_in_words(title, x_label, lines, y_format),
        svg=svg(drawn),
        y=y_ticks(vertical, y_format),
        x=x_ticks(horizontal, plain),
        notes=join(notes),
        x_label=x_label,
    )


def profile_chart(parts: Sequence[tuple[str, Sequence[float]]], *, title: str) -> Markup:
    """Class sizes as stacked bars, largest class first: is there a long tail?

    parts  name and count for each class, in one order of classes
    """
    table = np.array([counts for _, counts in parts], np.float64)  # (parts, L)
    order = np.argsort(-table.sum(axis=0), kind="stable")
    totals = table[:, order].cumsum(axis=0)
    vertical = axis([*totals[-1].tolist(), 0.0], zero=True)
    edges = np.linspace(0, 1000, len(order) + 1)
    gap = 0.15 * edges[1] if len(order) <= SEPARATE else 0.0
    areas = []
    for number in reversed(range(len(parts))):
        heights = 1000 * (1 - vertical.place(totals[number]))
        bars = zip(edges[:-1], heights, edges[1:] - gap, strict=True)
        # Without gaps one area, since hairlines would show between bars that touch.
        steps = (
            "".join(f"M{start:.1f} 1000V{h:.1f}H{stop:.1f}V1000Z" for start, h, stop in bars)
            if gap
            else f"M0 1000{''.join(f'V{h:.1f}H{stop:.1f}' for _, h, stop in bars)}V1000Z"
        )
        areas.append(Markup('<path class="area s{}" d="{}"/>').format(number + 1, steps))
    sizes = totals[-1]
    words = (
        f"{title}: {len(order)} classes, from {sizes[0]:,.0f} to {sizes[-1]:,.0f} images,"
        f" half of them below {np.median(sizes):,.0f}"
    )
    return Markup(
        '<figure class="chart profile low"><figcaption>{}</figcaption>{}'
        '<div class="plot" role="img" aria-label="{}">{}{}</div>'
        '<div class="x-label" aria-hidden="true">{}</div></figure>'
    ).format(
        title,
        _legend(((name, n) for n, (name, _) in enumerate(parts, 1)), "area")
        if len(parts) > 1
        else "",
        words,
        svg([grid(vertical), *areas]),
        y_ticks(vertical, plain),
        f"{len(order):,} classes, largest first",
    )


def thin(
    xs: Sequence[float], ys: Sequence[float], most: int = MOST_POINTS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most `most` points of a line that keep every peak: the extremes of equal stretches."""
    x, y = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) <= most:
        return x, y
    kept = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), most // 2 - 1):
        kept |= {int(part[y[part].argmin()]), int(part[y[part].argmax()])}
    rows = sorted(kept)
    return x[rows], y[rows]


def _place_known(vertical: Axis, ys: NDArray[np.float64]) -> NDArray[np.float64]:
    return vertical.place(np.maximum(ys, vertical.low) if vertical.log else ys)


def _path(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> str:
    """An SVG path over a 1000 by 1000 box; a lone point becomes a short stroke."""
    points = [f"{1000 * x:.1f} {1000 * (1 - y):.1f}" for x, y in zip(xs, ys, strict=True)]
    return f"M{'L'.join(points)}" + ("h.1" if len(points) == 1 else "") if points else ""


def rectangle(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"


def grid(vertical: Axis) -> Markup:
    lines = "".join(f"M0 {1000 * (1 - float(y)):.1f}H1000" for y in vertical.place(vertical.ticks))
    return Markup('<path class="grid" d="{}"/>').format(lines)


def svg(drawn: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(join(drawn))


def y_ticks(vertical: Axis, form: Format) -> Markup:
    return join(
        Markup('<span class="y tick" style="top:{:.2f}%">{}</span>').format(
            100 * (1 - float(vertical.place(t))), form(t)
        )
        for t in vertical.ticks
    )


def x_ticks(horizontal: Axis, form: Format) -> Markup:
    return join(
        Markup('<span class="x tick" style="left:{:.2f}%">{}</span>').format(
            100 * float(horizontal.place(t)), form(t)
        )
        for t in horizontal.ticks
    )


def _legend(names: Iterable[tuple[str, int]], kind: str = "line") -> Markup:
    items = join(
        Markup('<li class="{} s{}">{}</li>').format(kind, color, name) for name, color in names
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def _in_words(title: str, x_label: str, lines: Sequence[Line], form: Format) -> str:
    sentences = []
    for line in lines:
        ys = [y for y in line.ys if isfinite(y)]
        if ys:
            sentences.append(
                f"{line.name} goes from {form(ys[0])} to {form(ys[-1])}, least {form(min(ys))},"
                f" most {form(max(ys))}"
            )
    return f"{title} by {x_label}: {'; '.join(sentences)}."


def join(pieces: Iterable[Markup]) -> Markup:
    return Markup("").join(escape(piece) for piece in pieces)

"""Charts as small pieces of HTML and SVG that carry their own words.

Lines and areas are SVG stretched to whatever width there is; names and numbers are HTML placed by
percentages, so that text keeps its size from a phone to a wide screen. Colors come from the
page's style sheet (classes `s1`, `s2`, ..., `right`, `wrong`), so that a chart follows light, dark
and paper. Nothing here needs a script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from typing import Literal

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import ArrayLike, NDArray

from vitreous.evaluate.calibration import Bin

MOST_POINTS = 500  # of a line; more could not be told apart on a screen
LEVELS = 8  # shades of a large heat map
MOST_CELLS = 30_000  # drawn of a large heat map, about 400 kB; the faintest errors go first

Format = Callable[[float], str]


def plain(value: float) -> str:
    """Three digits that matter: 0.123, 12.3, 1,230."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}"
    if float(value).is_integer():
        return f"{value:,.0f}"
    text = f"{value:,.{max(0, 2 - floor(log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: float, digits: int = 1) -> str:
    """A fraction in percent; what is not quite 0 or 1 is not rounded to it."""
    least = 10.0**-digits
    if 0 < value < 0.005 * least:
        return f"<{least:.{digits}f}\u202f%"
    if 1 - 0.005 * least < value < 1:
        return f">{100 - least:.{digits}f}\u202f%"
    return f"{100 * value:.{digits}f}\u202f%"


def round_percent(value: float) -> str:
    """A fraction at an axis: 40 %, 97.5 %."""
    return f"{100 * value:.4g}\u202f%"


@dataclass(frozen=True)
class Axis:
    """A range of values laid on [0, 1], with the round values that are named."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def place(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values as fractions of the axis."""
        array = np.asarray(values, np.float64)
        low, high = self.low, self.high
        if self.log:
            array, low, high = np.log10(array), log10(low), log10(high)
        return np.asarray((array - low) / (high - low))


def axis(values: Iterable[float], *, count: int = 5, log: bool = False, zero: bool = False) -> Axis:
    """An axis that holds all values and begins and ends at a round one.

    count  about how many ticks
    log    ticks at powers of ten, and at 2 and 5 times these where the range is short
    zero   does the axis begin at 0?
    """
    known = [float(v) for v in values if isfinite(v) and (v > 0 or not log)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if log:
        return _log_axis(low, high, count)
    low = min(low, 0.0) if zero else low
    if high <= low:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks = tuple(round(k * step, 12) for k in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def _log_axis(low: float, high: float, count: int) -> Axis:
    first, last = floor(log10(low)), ceil(log10(high))
    last = max(last, first + 1)
    every = max(1, ceil((last - first) / count))
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    ticks = [f * 10.0**k for k in range(first, last + 1, every) for f in factors]
    below = max((t for t in ticks if t <= low), default=ticks[0])
    above = min((t for t in ticks if t >= high), default=10.0**last)
    return Axis(below, above, tuple(t for t in ticks if below <= t <= above), log=True)


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
    kind: Literal["curves", "rate"] = "curves",
) -> Markup:
    """Curves over a common axis; logarithmic where the values span more than 1 : 50.

    kind  rate: low, wide and from 0, for what is known beforehand
    mark  a place on the x axis and its name, drawn as a vertical line
    """
    values = [y for line in lines for y in line.ys if isfinite(y)]
    positive = bool(values) and min(values) > 0
    horizontal = _tight([x for line in lines for x in line.xs])
    log = kind == "curves" and positive and max(values) > 50 * min(values)
    vertical = axis(values, log=log, zero=kind == "rate", count=5 if kind == "curves" else 3)
    drawn = [_grid(vertical)]
    for line in lines:
        xs, ys = thin(line.xs, line.ys)
        path = _path(horizontal.place(xs), _place_known(vertical, ys))
        drawn.append(Markup('<path class="line s{}" d="{}"/>').format(line.color, path))
    notes = []
    if mark is not None and horizontal.low <= mark[0] <= horizontal.high:
        x = float(horizontal.place(mark[0]))
        drawn.append(Markup('<path class="mark" d="M{0:.1f} 0V1000"/>').format(1000 * x))
        notes.append(
            Markup('<span class="mark-name" style="left:{:.2f}%">{}</span>').format(
                100 * x, mark[1]
            )
        )
    return Markup(
        '<figure class="chart {kind}"><figcaption>{title}</figcaption>{legend}'
        '<div class="plot" role="img" aria-label="{words}">{svg}{y}{x}{notes}</div>'
        '<div class="x-label" aria-hidden="true">{x_label}</div></figure>'
    ).format(
        kind=kind,
        title=title,
        legend=_legend((line.name, line.color) for line in lines) if len(lines) > 1 else "",
        words=_in_words(title, x_label, lines, y_format),
        svg=_svg(drawn),
        y=_y_ticks(vertical, y_format),
        x=_x_ticks(horizontal, plain),
        notes=_join(notes),
        x_label=x_label,
    )


def reliability_chart(bins: Sequence[Bin], *, label: str) -> Markup:
    """Accuracy over confidence as bars against the diagonal, the count of each bin below.

    label  what the bars are, for example "share of right answers"
    """
    unit = axis([0, 1], count=5)
    most = max((b.count for b in bins), default=1.0)
    bars: list[str] = []
    sure: list[str] = []
    modest: list[str] = []
    counts: list[str] = []
    for b in bins:
        left, width = 1000 * b.low, 1000 * max(b.high - b.low, 0.004)
        low, high = sorted((b.accuracy, b.confidence))
        bars.append(_rectangle(left, 1000 * (1 - low), width, 1000 * low))
        gaps = sure if b.confidence > b.accuracy else modest
        gaps.append(_rectangle(left, 1000 * (1 - high), width, 1000 * (high - low)))
        counts.append(_rectangle(left, 1000 - 1000 * b.count / most, width, 1000 * b.count / most))
    words = "; ".join(
        f"confidence {percent(b.confidence, 0)}: {percent(b.accuracy, 0)} right of {b.count:,.0f}"
        for b in bins
    )
    drawn = [
        _grid(unit),
        Markup('<path class="right-area" d="{}"/>').format("".join(bars)),
        Markup('<path class="sure-gap" d="{}"/>').format("".join(sure)),
        Markup('<path class="modest-gap" d="{}"/>').format("".join(modest)),
        Markup('<path class="diagonal" d="M0 1000L1000 0"/>'),
    ]
    crowd = [Markup('<path class="quiet-area" d="{}"/>').format("".join(counts))]
    return Markup(
        '<figure class="chart reliability"><figcaption>{label}, by confidence</figcaption>'
        '<ul class="legend"><li class="right-area">{label}</li><li class="sure-gap">too sure</li>'
        '<li class="modest-gap">too modest</li></ul>'
        '<div class="plot square" role="img" aria-label="{words}">{svg}{y}</div>'
        '<div class="plot crowd" aria-hidden="true">{crowd}{x}'
        '<span class="y tick" style="top:50%">count</span></div>'
        '<div class="x-label" aria-hidden="true">confidence</div></figure>'
    ).format(
        label=label,
        words=f"{label}: {words}",
        svg=_svg(drawn),
        crowd=_svg(crowd),
        y=_y_ticks(unit, round_percent),
        x=_x_ticks(unit, round_percent),
    )


def profile_chart(parts: Sequence[tuple[str, Sequence[float]]], *, title: str) -> Markup:
    """Class sizes as stacked steps, largest class first: is there a long tail?

    parts  name and count for each class, in one order of classes
    """
    table = np.array([counts for _, counts in parts], np.float64)  # (parts, L)
    order = np.argsort(-table.sum(axis=0), kind="stable")
    totals = table[:, order].cumsum(axis=0)
    vertical = axis([*totals[-1].tolist(), 0.0], zero=True)
    edges = np.linspace(0, 1000, len(order) + 1)
    areas = []
    for number in reversed(range(len(parts))):
        heights = 1000 * (1 - vertical.place(totals[number]))
        steps = "".join(f"V{h:.1f}H{e:.1f}" for h, e in zip(heights, edges[1:], strict=True))
        areas.append(
            Markup('<path class="area s{}" d="M0 1000{}V1000Z"/>').format(number + 1, steps)
        )
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
        _svg([_grid(vertical), *areas]),
        _y_ticks(vertical, plain),
        f"{len(order):,} classes, largest first",
    )


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
    faintest = 0.12 if count <= 60 else 0.25 if count <= 150 else 0.5  # the smaller, the stronger
    shade = np.where(wrong > 0, faintest + (1 - faintest) * np.sqrt(wrong), 0.0)
    paths = [*_shades(np.diag(np.diag(share)), "right"), *_shades(shade, "wrong")]
    named = count <= 150
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
        cell=14 if count <= 60 else 9 if named else 2,
        names=7 if count <= 60 else 5.5 if named else 3,
        right=percent(right),
        columns=_join(columns),
        rows=_join(rows),
        paths=_join(paths),
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


def _tight(values: Sequence[float]) -> Axis:
    """An axis that ends where the values end, with round ticks in between."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high <= low:
        return Axis(low - 0.5, low + 0.5, (low,))
    wide = axis([low, high], count=6)
    return Axis(low, high, tuple(t for t in wide.ticks if low <= t <= high))


def _place_known(vertical: Axis, ys: NDArray[np.float64]) -> NDArray[np.float64]:
    return vertical.place(np.maximum(ys, vertical.low) if vertical.log else ys)


def _path(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> str:
    """An SVG path over a 1000 by 1000 box; a lone point becomes a short stroke."""
    points = [f"{1000 * x:.1f} {1000 * (1 - y):.1f}" for x, y in zip(xs, ys, strict=True)]
    return f"M{'L'.join(points)}" + ("h.1" if len(points) == 1 else "") if points else ""


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"


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


def _grid(vertical: Axis) -> Markup:
    lines = "".join(f"M0 {1000 * (1 - float(y)):.1f}H1000" for y in vertical.place(vertical.ticks))
    return Markup('<path class="grid" d="{}"/>').format(lines)


def _svg(drawn: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(_join(drawn))


def _y_ticks(vertical: Axis, form: Format) -> Markup:
    return _join(
        Markup('<span class="y tick" style="top:{:.2f}%">{}</span>').format(
            100 * (1 - float(vertical.place(t))), form(t)
        )
        for t in vertical.ticks
    )


def _x_ticks(horizontal: Axis, form: Format) -> Markup:
    return _join(
        Markup('<span class="x tick" style="left:{:.2f}%">{}</span>').format(
            100 * float(horizontal.place(t)), form(t)
        )
        for t in horizontal.ticks
    )


def _legend(names: Iterable[tuple[str, int]], kind: str = "line") -> Markup:
    items = _join(
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


def _join(pieces: Iterable[Markup]) -> Markup:
    return Markup("").join(escape(piece) for piece in pieces)

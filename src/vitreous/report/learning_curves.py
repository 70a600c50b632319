"""Learning curves of a report: the loss, every score that was followed, and the learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite

from markupsafe import Markup

from vitreous.drawing.chart import Line, line_chart
from vitreous.drawing.html import sentence
from vitreous.formats import Format, percent, plain, round_percent
from vitreous.metrics.score import Score, Scores

PARTS = {"train": ("training", 1), "validation": ("validation", 2), "test": ("test", 3)}
"""What the parts are called in a report, and which color each has."""
UNSHOWN = {"score"}  # what the kept epoch was chosen by: another score, made unique by the loss

Curves = Sequence[Mapping[str, float]]
Points = tuple[list[float], list[float]]


def learning_curves(curves: Curves, scores: Iterable[Scores], best: int | None) -> list[Markup]:
    """One chart for each quantity.

    curves  one mapping an epoch, see `ReportData.curves`
    scores  of any parts: they tell what a score is called and how it is written
    best    the epoch whose weights were kept
    """
    columns = _columns(curves)
    mark = None if best is None else (float(best), f"kept: epoch {best}")
    charts = []
    for name, score in _followed(columns, scores):
        lines = [
            Line(PARTS[part][0], *columns[part, name], PARTS[part][1])
            for part in PARTS
            if (part, name) in columns
        ]
        title, form = _told(name, score, round_percent)
        charts.append(line_chart(lines, title=title, x_label="epoch", y_format=form, mark=mark))
    if ("", "lr") in columns:
        line = Line("learning rate", *columns["", "lr"])
        charts.append(line_chart([line], title="Learning rate", x_label="epoch", kind="rate"))
    return charts


def only_epoch(entry: Mapping[str, float], scores: Iterable[Scores]) -> dict[str, str]:
    """What would be one point of each curve, in words."""
    columns = _columns([entry])
    found = {}
    for name, score in _followed(columns, scores):
        title, form = _told(name, score, percent)
        for part in PARTS:
            if (part, name) in columns:
                words = f"{PARTS[part][0]} {title[:1].lower()}{title[1:]}"
                found[sentence(words)] = form(columns[part, name][1][0])
    return found


def _columns(curves: Curves) -> dict[tuple[str, str], Points]:
    """(part, quantity) with its points over the epochs in which it is known; the part is empty
    where the quantity belongs to none.
    """
    columns: dict[tuple[str, str], Points] = {}
    for number, entry in enumerate(curves, 1):
        for key, value in entry.items():
            if not isinstance(value, int | float) or not isfinite(value):
                continue
            part, _, name = key.partition("_")
            place = (part, name) if part in PARTS else ("", key)
            xs, ys = columns.setdefault(place, ([], []))
            xs.append(float(entry.get("epoch", number)))
            ys.append(float(value))
    return columns


def _followed(
    columns: Mapping[tuple[str, str], Points], scores: Iterable[Scores]
) -> Iterator[tuple[str, Score | None]]:
    """The loss, then the scores in the order in which they are told, then whatever is left."""
    known = {score.name: score for one in scores for score in one.all} | {"loss": None}
    there = [name for part, name in columns if part and name not in UNSHOWN]
    for name in dict.fromkeys(("loss", *known, *there)):
        if name in there:
            yield name, known.get(name)


def _told(name: str, score: Score | None, share: Format) -> tuple[str, Format]:
    """Title and format of a quantity; `share` writes fractions."""
    if score is None:
        return sentence(name.replace("_", " ")), plain
    if score.is_share:
        return sentence(score.title), share
    unit = f" ({score.unit})" if score.unit else ""
    return sentence(score.title) + unit, plain

"""A run as one HTML file: what it is worth, where it errs, how it was made.

The file needs no script, no network and no server; it can be mailed, printed and read on a phone.
The number that matters comes first, with how far it can be trusted and what simple rules reach.
Everything that comes from outside (names of classes, files, reasons) is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from math import isfinite, log
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from vitreous.drawing import chart
from vitreous.drawing.chart import Line
from vitreous.drawing.confusion_map import heat_map
from vitreous.errors import UsageError
from vitreous.formats import duration, moment, percent, plain, quantity, round_percent, times
from vitreous.metrics.confusion import ClassScores, top_confusions
from vitreous.metrics.scores import Scores
from vitreous.report.content import DataSummary, Picture, ReportData
from vitreous.report.findings import URGENCY, findings, verdict
from vitreous.report.reliability import reliability_chart

NUMBERED = 20  # classes up to which the confusion matrix shows its numbers
CELLS = ((3, 5.0), (6, 3.6), (12, 2.6), (10**9, 2.1))  # most classes, rem of a cell of the matrix
LISTED = 25  # rows that a long table shows before the rest is folded away

MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
PARTS = {"train": ("training", 1), "validation": ("validation", 2), "test": ("test", 3)}


def render(data: ReportData) -> str:
    """The report as the text of one HTML file."""
    environment = Environment(
        loader=PackageLoader("vitreous.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for form in (percent, plain, quantity, duration, times, moment):
        environment.filters[form.__name__] = form
    environment.filters["source"] = _source
    parts = {
        name: scores
        for name, scores in (("test", data.test), ("validation", data.validation))
        if scores is not None
    }
    scores = next(iter(parts.values()), None)
    notes = [*data.notes, *findings(parts, data.curves, test_uses=data.test_uses)]
    template = environment.get_template("report.html.j2")
    page = template.render(
        run=data,
        scores=scores,
        part=next(iter(parts), ""),
        verdict=verdict(parts) if parts else None,
        notes=sorted(notes, key=lambda note: URGENCY.index(note.kind)),
        charts=_curve_charts(data) if len(data.curves) > 1 else [],
        only=_only_epoch(data.curves[0]) if len(data.curves) == 1 else {},
        confusion=_confusion(scores) if scores is not None else None,
        rows=_weakest_first(scores.per_class) if scores is not None else [],
        reliability=_reliability(scores) if scores is not None else None,
        profile=_profile(data),
        sizes=_sizes(data.data) if data.data is not None else [],
        guessing=log(2 if data.task == "label" else max(len(data.classes), 2)),
        listed=LISTED,
    )
    # A file name that is no UTF-8 holds lone surrogates, which no file could be written with.
    return page.lstrip().encode("utf-8", "backslashreplace").decode("utf-8")


def _columns(curves: Sequence[Mapping[str, float]]) -> dict[str, Line]:
    """Each quantity of the curves over the epochs in which it is known."""
    columns: dict[str, tuple[list[float], list[float]]] = {}
    for number, entry in enumerate(curves, 1):
        for key, value in entry.items():
            if isinstance(value, int | float) and isfinite(value):
                xs, ys = columns.setdefault(key, ([], []))
                xs.append(float(entry.get("epoch", number)))
                ys.append(float(value))
    lines = {}
    for key, (xs, ys) in columns.items():
        name, color = PARTS.get(key.split("_")[0], (key, 1))
        lines[key] = Line(name, xs, ys, color)
    return lines


SCORES = (
    ("Loss", "loss", plain),
    ("Accuracy", "accuracy", round_percent),
    ("Balanced accuracy", "balanced_accuracy", round_percent),
    ("Mean average precision", "map", round_percent),
)


def _only_epoch(entry: Mapping[str, float]) -> dict[str, str]:
    """What would be one point of each curve, in words."""
    found = {}
    for title, score, _ in SCORES:
        for part in ("train", "validation"):
            value = entry.get(f"{part}_{score}")
            if value is not None and isfinite(value):
                name = f"{PARTS[part][0]} {title.lower()}".capitalize()
                found[name] = f"{value:.3f}" if score == "loss" else percent(value)
    return found


def _curve_charts(data: ReportData) -> list[Markup]:
    columns = _columns(data.curves)
    mark = (
        None
        if data.best_epoch is None
        else (float(data.best_epoch), f"kept: epoch {data.best_epoch}")
    )
    charts = []
    for title, score, form in SCORES:
        names = (f"train_{score}", f"validation_{score}")
        lines = [columns[name] for name in names if name in columns]
        if lines:
            charts.append(
                chart.line_chart(lines, title=title, x_label="epoch", y_format=form, mark=mark)
            )
    if "lr" in columns:
        charts.append(
            chart.line_chart([columns["lr"]], title="Learning rate", x_label="epoch", kind="rate")
        )
    return charts


def _confusion(scores: Scores) -> dict[str, Any] | None:
    """Numbers where they fit, shades elsewhere, and the largest errors in any case."""
    matrix = scores.confusion
    if matrix is None:
        return None
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-300)
    # An error in a thousand must show, so errors grow by the root and start at a visible shade.
    shade = np.where(
        np.eye(len(matrix)) > 0, share, np.where(share > 0, 0.12, 0) + 0.88 * share**0.5
    )
    numbered = len(scores.classes) <= NUMBERED
    return {
        "rows": list(zip(scores.classes, matrix.tolist(), shade.tolist(), strict=True))
        if numbered
        else [],
        "map": None if numbered else heat_map(matrix, scores.classes),
        "cell": next(rem for most, rem in CELLS if len(scores.classes) <= most),
        "upright": len(scores.classes) > 4 and max(map(len, scores.classes)) > 3,
        "top": top_confusions(matrix, scores.classes, 10),
        "errors": float(matrix.sum() - np.trace(matrix)),
    }


def _weakest_first(rows: Sequence[ClassScores]) -> list[ClassScores]:
    """Classes by F1 (labels by average precision), those without examples last."""

    def rank(row: ClassScores) -> float:
        score = row.f1 if row.average_precision is None else row.average_precision
        return 2.0 if score is None else score

    return sorted(rows, key=rank)


def _reliability(scores: Scores) -> Markup:
    what = "share of right answers" if scores.task == "classify" else "share of labels that apply"
    return reliability_chart(scores.reliability, label=what.capitalize())


def _profile(data: ReportData) -> Markup | None:
    if data.data is None or not data.data.counts or len(data.classes) <= 2:
        return None
    parts = [(PARTS.get(name, (name, 0))[0], counts) for name, counts in data.data.counts.items()]
    return chart.profile_chart(parts, title="Images of each class")


def _sizes(data: DataSummary) -> list[str]:
    """The commonest sizes, and the range of all."""
    common = sorted(data.sizes, key=lambda size: -size[2])
    words = [f"{w} × {h}: {n:,}" for w, h, n in common[:5]]
    if len(common) > 5:
        widths, heights = [w for w, _, _ in common], [h for _, h, _ in common]
        words.append(
            f"{len(common) - 5:,} other sizes, from {min(widths)} to {max(widths)} wide and"
            f" {min(heights)} to {max(heights)} high"
        )
    seen = sum(n for _, _, n in common)
    if 0 < seen < sum(data.examples.values()):
        words.append(f"among the {seen:,} images looked at")
    return words


def _source(picture: Picture) -> Markup:
    """The attributes of an <img>: the picture itself as a data URI, its size, how to scale it."""
    with Image.open(BytesIO(picture.image)) as image:
        kind, (width, height) = image.format, image.size
    if kind not in MEDIA:
        raise UsageError(
            f"a picture of format {kind} cannot be shown in a report",
            where=picture.id,
            remedy="Use `thumbnail`, or bytes of a PNG, JPEG, WebP or GIF file.",
        )
    uri = f"data:{MEDIA[kind]};base64,{b64encode(picture.image).decode()}"
    fine = Markup(' class="pixels"') if max(width, height) <= 64 else ""
    return Markup('src="{}" width="{}" height="{}"{}').format(uri, width, height, fine)

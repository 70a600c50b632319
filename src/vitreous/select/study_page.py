"""The page of a search: each trial's score, the best so far, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitreous.atomic import write_text
from vitreous.drawing.chart import Line, line_chart
from vitreous.drawing.html import page
from vitreous.formats import percent, plain


def study_page(path: Path, summary: Mapping[str, Any]) -> Path:
    """Write what `tune.json` holds as one HTML file; returns its path."""
    # The score of one that was broken off is that of an epoch, not that of its settings.
    ended = [trial for trial in summary["trials"] if trial["state"] == "complete"]
    numbers = [float(trial["number"] + 1) for trial in ended]
    values = [float(trial["value"]) for trial in ended]
    better = max if summary["better"] == "higher" else min
    so_far = [better(values[: i + 1]) for i in range(len(values))]
    title = summary["score"].replace("_", " ")
    chart = line_chart(
        [Line("trial that ended", numbers, values, 2), Line("best so far", numbers, so_far, 1)],
        title=f"Validation {title}",
        x_label="trial",
    )
    most = max(summary["importance"].values(), default=0.0) or 1.0
    rows = [
        (name, percent(share, 0), 100 * share / most, told(summary["settings"][name]))
        for name, share in summary["importance"].items()
    ]
    trials = [
        (
            trial["number"] + 1,
            "" if trial["value"] is None else plain(trial["value"]),
            trial["state"],
            [told(trial["settings"].get(name)) for name in summary["space"]],
        )
        for trial in sorted(
            summary["trials"],
            key=lambda one: (
                one["state"] != "complete",
                one["value"] is None,
                (one["value"] or 0) * (-1 if better is max else 1),
            ),
        )
    ]
    text = page(
        "vitreous.select",
        "study.html.j2",
        title=f"Search over {len(summary['trials'])} trials",
        sections=[("trials", "Trials"), ("importance", "Settings"), ("table", "All trials")],
        found=summary,
        chart=chart,
        importance=rows,
        trials=trials,
        broken_off=sum(trial["state"] == "pruned" for trial in summary["trials"]),
        told=told,
        plain=plain,
    )
    write_text(path, text)
    return path


def told(value: Any) -> str:
    """A setting in a cell."""
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)

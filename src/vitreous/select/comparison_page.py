"""The page of a comparison: each run on one scale, each difference with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from vitreous.drawing.axis import Axis, axis
from vitreous.drawing.html import page
from vitreous.select.verdicts import Comparison, Pair


@dataclass(frozen=True)
class Bar:
    """A row of a chart: a place with its interval, in percent of the width."""

    name: str
    text: str
    place: float
    low: float
    high: float
    detail: str
    shown: bool = True


def comparison_page(found: Comparison) -> str:
    """The text of an HTML file."""
    score = found.score
    gaps = [limit for pair in found.pairs for limit in _limits(pair)]
    wide = axis([0.0, *gaps])
    sections = [("pairs", "Differences"), ("runs", "Runs")]
    return page(
        "vitreous.select",
        "comparison.html.j2",
        title=f"Comparison of {len(found.runs)} runs",
        sections=sections,
        found=found,
        pairs=[_bar(found, pair, wide) for pair in found.pairs],
        zero=100 * float(wide.place(0.0)),
        ticks=[(100 * float(wide.place(t)), score.gap(t) if t else "0") for t in wide.ticks],
        best=found.best.name,
    )


def _limits(pair: Pair) -> tuple[float, float]:
    value = pair.contrast.difference
    return pair.contrast.interval or (value, value)


def _bar(found: Comparison, pair: Pair, wide: Axis) -> Bar:
    low, high = (100 * float(wide.place(limit)) for limit in _limits(pair))
    return Bar(
        f"{pair.first} minus {pair.second}",
        pair.verdict,
        100 * float(wide.place(pair.contrast.difference)),
        low,
        high,
        found.sentence(pair) + f". {pair.first} alone is better on "
        f"{pair.contrast.first_better:,} images, {pair.second} on "
        f"{pair.contrast.second_better:,}; {pair.contrast.test}",
        pair.shown,
    )

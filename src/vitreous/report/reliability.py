"""Reliability chart: does the model prove right as often as it says?"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from vitreous.drawing.axis import axis
from vitreous.drawing.chart import grid, rectangle, svg, x_ticks, y_ticks
from vitreous.formats import percent, round_percent
from vitreous.metrics.calibration import Bin

FEW = 10  # predictions in a bin that say little; they are drawn pale


def reliability_chart(bins: Sequence[Bin], *, label: str) -> Markup:
    """Accuracy over confidence as bars against the diagonal, the count of each bin below.

    Bins of fewer than ten predictions are pale.

    label  what the bars are, for example "share of right answers"
    """
    unit = axis([0, 1], count=5)
    most = max((b.count for b in bins), default=1.0)
    shapes: dict[str, list[str]] = {}
    counts: list[str] = []
    for b in bins:
        left, width = 1000 * b.low, 1000 * max(b.high - b.low, 0.004)
        low, high = sorted((b.accuracy, b.confidence))
        pale = " few" if b.count < FEW else ""
        gap = "sure-gap" if b.confidence > b.accuracy else "modest-gap"
        bar = rectangle(left, 1000 * (1 - low), width, 1000 * low)
        shapes.setdefault(f"right-area{pale}", []).append(bar)
        rest = rectangle(left, 1000 * (1 - high), width, 1000 * (high - low))
        shapes.setdefault(f"{gap}{pale}", []).append(rest)
        counts.append(rectangle(left, 1000 - 1000 * b.count / most, width, 1000 * b.count / most))
    words = "; ".join(
        f"confidence {percent(b.confidence, 0)}: {percent(b.accuracy, 0)} right of {b.count:,.0f}"
        for b in bins
    )
    drawn = [
        grid(unit),
        *(Markup('<path class="{}" d="{}"/>').format(k, "".join(v)) for k, v in shapes.items()),
        Markup('<path class="diagonal" d="M0 1000L1000 0"/>'),
    ]
    crowd = [Markup('<path class="quiet-area" d="{}"/>').format("".join(counts))]
    return Markup(
        '<figure class="chart reliability"><figcaption>{label}, by confidence</figcaption>'
        '<ul class="legend"><li class="right-area">{label}</li><li class="sure-gap">too sure</li>'
        '<li class="modest-gap">too modest</li>'
        '<li class="pale">pale: fewer than {few}</li></ul>'
        '<div class="plot square" role="img" aria-label="{words}">{svg}{y}</div>'
        '<div class="plot crowd" aria-hidden="true">{crowd}{x}'
        '<span class="y tick" style="top:50%">count</span></div>'
        '<div class="x-label" aria-hidden="true">confidence</div></figure>'
    ).format(
        label=label,
        few=FEW,
        words=f"{label}: {words}",
        svg=svg(drawn),
        crowd=svg(crowd),
        y=y_ticks(unit, round_percent),
        x=x_ticks(unit, round_percent),
    )

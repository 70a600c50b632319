"""Charts of a doctor's evidence: what a diagnosis was read from, as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, nan

import numpy as np
from markupsafe import Markup

from vitreous.doctor.evidence import Evidence, Layer, Sample
from vitreous.doctor.loss_trend import guess
from vitreous.drawing.chart import Line, line_chart, profile_chart
from vitreous.formats import round_percent

MOST_LINES = 3  # layers that are drawn; of more, some from the first to the last


def loss_chart(e: Evidence) -> Markup | None:
    """The loss of each step and its running median, with that of guessing."""
    losses = e.losses
    if not np.isfinite(losses).any():
        return None
    steps = list(range(1, len(losses) + 1))
    width = max(5, len(losses) // 40)
    smooth = [
        float(np.nanmedian(part)) if np.isfinite(part).any() else nan
        for part in (losses[max(0, n - width) : n] for n in steps)
    ]
    lines = [
        Line("each step", steps, [value if isfinite(value) else nan for value in losses], 3),
        Line(f"median of {width} steps", steps, smooth, 1),
    ]
    known = guess(e)
    if isfinite(known):
        lines.append(Line("guessing", [1, len(losses)], [known, known], 2))
    return line_chart(lines, title="Training loss", x_label="step")


def accuracy_chart(e: Evidence) -> Markup | None:
    known = e.accuracies
    if not np.isfinite(known).any():
        return None
    width = max(5, len(known) // 40)
    steps = list(range(1, len(known) + 1))
    parts = (known[max(0, n - width) : n] for n in steps)
    finite = (part[np.isfinite(part)] for part in parts)
    smooth = [float(part.mean()) if len(part) else nan for part in finite]
    lines = [Line("training", steps, smooth, 1)]
    held = [(step, accuracy) for step, _, accuracy in e.validation if isfinite(accuracy)]
    if held:
        lines.append(Line("held out", [s for s, _ in held], [a for _, a in held], 2))
    return line_chart(lines, title="Accuracy", x_label="step", y_format=round_percent)


def gradient_chart(e: Evidence) -> Markup | None:
    return _layers(e, lambda layer: layer.slope, "Gradient, as a share of its weight")


def update_chart(e: Evidence) -> Markup | None:
    return _layers(e, lambda layer: layer.ratio, "What a step changes, as a share of its weight")


def weight_chart(e: Evidence) -> Markup | None:
    return _layers(e, lambda layer: layer.weight, "Norm of the weights")


def depth_chart(e: Evidence) -> Markup | None:
    """Gradients and activations from the first layer to the last, as they were at first."""
    early = [sample for sample in e.samples[:4] if len(sample.trained) >= 3]
    if not early:
        return None
    first: Sample = early[0]
    slopes = [layer.slope or nan for layer in first.trained.values()]
    lines = [Line("gradient / weight", list(range(1, len(slopes) + 1)), slopes, 1)]
    if first.scales:
        places = list(range(1, len(first.scales) + 1))
        lines.append(Line("deviation of activations", places, [s or nan for s in first.scales], 2))
    title = f"From the first layer to the last, at step {first.step}"
    return line_chart(lines, title=title, x_label="layer")


def unit_chart(e: Evidence) -> Markup | None:
    names = list(dict.fromkeys(units.name for sample in e.samples for units in sample.units))
    lines = []
    for number, name in enumerate(_some(names), 1):
        points = [
            (sample.step, max(units.dead or 0.0, units.saturated))
            for sample in e.samples
            for units in sample.units
            if units.name == name
        ]
        lines.append(Line(name, [s for s, _ in points], [v for _, v in points], number))
    if not any(value for line in lines for value in line.ys):
        return None
    title = "Units that are dead or at the end of their range"
    return line_chart(lines, title=title, x_label="step", y_format=round_percent)


def class_chart(e: Evidence) -> Markup | None:
    counts = e.labels.counts
    return (
        profile_chart([("labels", counts)], title="Labels seen of each class") if counts else None
    )


CHARTS: dict[str, Callable[[Evidence], Markup | None]] = {
    "loss": loss_chart,
    "accuracy": accuracy_chart,
    "gradients": gradient_chart,
    "updates": update_chart,
    "weights": weight_chart,
    "profile": depth_chart,
    "units": unit_chart,
    "classes": class_chart,
}


def _layers(e: Evidence, value: Callable[[Layer], float], title: str) -> Markup | None:
    names = list(dict.fromkeys(name for sample in e.samples for name in sample.trained))
    lines = []
    for number, name in enumerate(_some(names), 1):
        there = [sample for sample in e.samples if name in sample.layers]
        values = [value(sample.layers[name]) for sample in there]
        ys = [one if isfinite(one) and one > 0 else nan for one in values]
        lines.append(Line(name, [sample.step for sample in there], ys, number))
    drawn = any(isfinite(y) for line in lines for y in line.ys)
    return line_chart(lines, title=title, x_label="step") if drawn else None


def _some(names: Sequence[str]) -> list[str]:
    if len(names) <= MOST_LINES:
        return list(names)
    places = np.linspace(0, len(names) - 1, MOST_LINES).round().astype(int)
    return [names[place] for place in places]

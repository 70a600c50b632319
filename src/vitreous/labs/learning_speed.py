"""Speed is not everything: the fastest learning rate, and where gradient descent stops.

The rate that lowers the training loss fastest also learns by heart fastest. And on a surface that
is not convex gradient descent ends where the gradient is 0: in one of several valleys, or for a
long time on a saddle, which it leaves by a tiny push that grows by the same factor at each step.
"""

from __future__ import annotations

from math import log

import numpy as np
from markupsafe import Markup

from vitreous.drawing.chart import Line, line_chart
from vitreous.formats import round_percent
from vitreous.labs.gallery import side_by_side
from vitreous.labs.lab import Finding, Lab, Values, figure, over_seeds
from vitreous.labs.labeled_images import LabeledImages, load
from vitreous.labs.many_networks import born, cross_entropy, trained
from vitreous.metrics.interval import spread

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
FEW, WRONG, EARLY = 400, 0.2, 0.05
STEP = 0.1  # of the descent from the saddle
PUSHES = (1e-2, 1e-4, 1e-8)


def saddle(start: tuple[float, float], steps: int) -> list[list[float]]:
    """Gradient descent on f = x⁴/4 − x²/2 + y²/2: valleys at (±1, 0), a saddle at (0, 0)."""
    x, y = start
    path = [[x, y]]
    for _ in range(steps):
        x, y = x - STEP * (x**3 - x), y - STEP * y
        path.append([x, y])
    return path


def speeds(
    images: LabeledImages, *, seeds: int, steps: int, wrong: float, seed: int
) -> dict[str, dict[str, list[float]]]:
    """For each rate: training loss early and at the end, loss and accuracy on new images."""
    (x, new_x), y = images.vectors, images.redrawn(wrong, seed)
    found = {}
    for rate in RATES:
        stack = born((x.shape[1], 64, images.classes), seeds, init="he", seed=seed)
        watched = trained(
            stack,
            x,
            y,
            steps=steps,
            lr=rate,
            loss=cross_entropy,
            method="sgd",
            batch=32,
            cosine=False,
            seed=seed,
        )
        for step, _ in enumerate(watched):
            if step == round(EARLY * steps):
                early = cross_entropy(stack(x), y).detach()
        logits = stack(new_x)
        found[f"{rate:g}"] = {
            "early": early.tolist(),
            "train": cross_entropy(stack(x), y).tolist(),
            "loss": cross_entropy(logits, images.new_labels).tolist(),
            "right": (logits.argmax(2) == images.new_labels).double().mean(1).tolist(),
        }
    return found


def measure(
    *, seed: int = 0, data: str = "digits", seeds: int = 8, steps: int = 2000, others: bool = True
) -> Values:
    """The rates with a fifth of the labels drawn and with none; descents on the saddle."""
    images = load(data, seed=seed, most=FEW)
    kinds = (WRONG, 0.0)[: 1 + others]
    found = {
        f"{round_percent(wrong)} of the labels drawn": speeds(
            images, seeds=seeds, steps=steps, wrong=wrong, seed=seed
        )
        for wrong in kinds
    }
    starts = np.random.default_rng(seed).uniform(-2, 2, (200, 2))
    ends = [saddle((float(x), float(y)), 400)[-1] for x, y in starts]
    return {
        "data": images.told(),
        "found": found,
        "ridge": saddle((0.0, 1.5), 400)[-1],
        "left": {
            f"{push:g}": next(n for n, (x, _) in enumerate(saddle((push, 1.5), 400)) if x > 0.1)
            for push in PUSHES
        },
        "valleys": [sum(x > 0.99 for x, _ in ends) / 200, sum(x < -0.99 for x, _ in ends) / 200],
    }


def judge(values: Values) -> list[Finding]:
    """The fastest rate is not the best one; a ridge leads to the saddle, a push away from it."""
    rows = next(iter(values["found"].values()))
    fastest = min(rows, key=lambda rate: float(np.mean(rows[rate]["early"])))
    best = min(rows, key=lambda rate: float(np.mean(rows[rate]["loss"])))
    gained = spread(np.subtract(rows[best]["right"], rows[fastest]["right"]))
    steps = values["left"]
    waits = [log(0.1 / push) / log(1 + STEP) for push in PUSHES]
    return [
        Finding(
            name="the rate that ends best on new images over the one that learns fastest",
            ours=float(best) / float(fastest),
            rule="<",
            bound=1,
            source="speed is not everything",
        ),
        over_seeds(
            "accuracy on new images that it gains", gained, ">", 0, source="speed is not everything"
        ),
        Finding(
            name="distance to the saddle of a descent along its ridge",
            ours=float(np.hypot(*values["ridge"])),
            rule="≤",
            bound=1e-6,
            source="stops where the gradient is 0",
        ),
        Finding(
            name="steps to leave it after a push, largest distance from ln(0.1/push) / ln 1.1",
            ours=max(abs(n - wait) for n, wait in zip(steps.values(), waits, strict=True)),
            rule="≤",
            bound=2,
            source="pushed away",
        ),
        Finding(
            name="share of starts that end in the valley on the right",
            ours=values["valleys"][0],
            rule="±",
            bound=0.5,
            reach=0.1,
            source="which minimum depends on the start",
        ),
    ]


def draw(values: Values) -> Markup:
    """Losses over the rate, and how long a saddle holds."""
    charts = []
    for name, rows in values["found"].items():
        rates = [float(rate) for rate in rows]
        lines = [
            Line(label, rates, [float(np.mean(row[kind])) for row in rows.values()], color)
            for color, kind, label in (
                (1, "early", "learned from, early"),
                (3, "train", "learned from, at the end"),
                (2, "loss", "new, at the end"),
            )
        ]
        title = f"Loss, {name}"
        charts.append(
            line_chart(lines, title=title, x_label="learning rate", log_x=True, y_format=figure)
        )
    lines = [
        Line(f"pushed by {push:g}", [*range(240)], [x for x, _ in saddle((push, 1.5), 239)], color)
        for color, push in enumerate(PUSHES, 1)
    ]
    charts.append(line_chart(lines, title="Leaving a saddle: x of the descent", x_label="steps"))
    return side_by_side(*charts)


LAB = Lab(
    row="X16",
    name="speed",
    title="Speed is not everything",
    claims="The learning rate that lowers the training loss fastest is not the one that ends best "
    "on new examples; and where the loss is not convex, gradient descent ends in whichever "
    "minimum lies near its start, or waits at a saddle.",
    source="Lecture 002, Speed is not everything; lecture 004, gradient descent",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(saddle, speeds),
    data=True,
    assumed="The source gives no figures. Taken: 400 images, a fifth of whose labels are drawn, "
    "64 rectifiers, 2,000 steps of plain gradient descent on 32 images at a constant rate, eight "
    "seeds; fastest is the lowest training loss after a twentieth of the steps. The second chart "
    "has right labels. The saddle is that of x⁴/4 − x²/2 + y²/2.",
    full={"seeds": 40, "steps": 10_000},
    tiny={"seeds": 3, "steps": 60, "others": False},
    tries=("Raise the learning rate until it no longer learns.", "vitreous play"),
    plays="data=spiral&hidden=8,8&lr=1",
)

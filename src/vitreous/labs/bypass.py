"""Bypass: shortcuts from one layer of ten units to the next that has ten, with no weight more.

10/20/10/10 with shortcuts is the same 581 weights. What they do to the loss is measured on the
image of X5 and on Rosenbrock's surface, each network beside the one that has the same first
weights and no shortcut.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from markupsafe import Markup

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.gallery import table
from vitreous.labs.gray_image import examples, median_finding, middle, scene
from vitreous.labs.lab import Finding, Lab, Values, figure
from vitreous.labs.many_networks import Stack, born, squared, trained
from vitreous.labs.surface import DOMAINS, grid
from vitreous.metrics.interval import spread

HIDDEN = (10, 20, 10, 10)
KINDS = ("with shortcuts", "without")
BATCH, LR = 256, 0.01


def functions() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Places (N, 2) and values (N, 1) with variance 1 of the image and of the surface."""
    inputs, heights = grid(DOMAINS["[0, 1]²"])
    surface = [torch.tensor(a, dtype=torch.float32) for a in (inputs, heights[:, None])]
    return {"image": examples(scene()), "surface": (surface[0], surface[1])}


def learn(
    name: str, *, seeds: int, steps: int, seed: int, bypass: bool, deep: int = 0
) -> tuple[Stack, list[float], list[float]]:
    """Networks, the loss of each seed at the end, and their median every fiftieth of the way.

    deep  layers of ten units between the two last
    """
    places, values = functions()[name]
    widths = (2, *HIDDEN, *[10] * deep, 1)
    networks = born(widths, seeds, bypass=bypass, seed=seed)
    curve = []
    every = max(steps // 50, 1)
    watched = trained(networks, places, values, steps=steps, lr=LR, batch=BATCH, seed=seed)
    for step, losses in enumerate(watched):
        if step % every == 0:
            curve.append(float(losses.median()))
    return networks, squared(networks(places), values).tolist(), curve


def measure(*, seed: int = 0, seeds: int = 8, steps: int = 2000, deep: int = 16) -> Values:
    """Both kinds on both functions, and on the image with more layers of ten units.

    deep  how many more; these are trained for two fifths of the steps
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    few = steps * 2 // 5
    for name, extra, count in (
        ("image", 0, steps),
        ("surface", 0, steps),
        ("image, deep", deep, few),
    ):
        found[name] = {}
        for kind in KINDS:
            networks, losses, curve = learn(
                name.split(",")[0],
                seeds=seeds,
                steps=count,
                seed=seed,
                bypass=kind == KINDS[0],
                deep=extra,
            )
            found[name][kind] = {"weights": networks.count, "losses": losses, "curve": curve}
    return {"steps": few, "deep": deep, "found": found}


def advantage(rows: dict[str, dict[str, list[float]]]) -> tuple[float, tuple[float, float]]:
    """Loss with shortcuts over that without, pair by pair of the same first weights."""
    logs = np.log([rows[kind]["losses"] for kind in KINDS])
    told = spread(logs[0] - logs[1])
    low, high = np.exp(told.interval)
    return float(np.exp(told.mean)), (float(low), float(high))


def judge(values: Values) -> list[Finding]:
    """581 weights, a loss of the source's size, and what shortcuts change."""
    image, surface, deep = values["found"].values()
    ours = image[KINDS[0]]
    found = [
        Finding(
            name="weights of 10/20/10/10 with shortcuts",
            ours=ours["weights"],
            rule="=",
            bound=581,
            source="581",
        ),
        median_finding("median loss on the image, with shortcuts", ours, "5.30e-2", reach=2.5),
    ]
    for name, rows, decides, why in (
        ("image", image, False, "four layers are not yet deep enough to need them"),
        ("surface", surface, False, "four layers are not yet deep enough to need them"),
        (f"image, {values['deep']} layers more", deep, True, ""),
    ):
        ratio, interval = advantage(rows)
        found.append(
            Finding(
                name=f"loss with shortcuts over that without: {name}",
                ours=ratio,
                rule="<",
                bound=1,
                interval=interval,
                decides=decides,
                source="shortcuts help",
                why=why,
            )
        )
    return found


def draw(values: Values) -> Markup:
    """Loss over the steps with many layers, and the medians of all."""
    steps = values["steps"]
    rows = values["found"]["image, deep"]
    lines = [
        Line(
            kind,
            [n * max(steps // 50, 1) for n in range(len(rows[kind]["curve"]))],
            rows[kind]["curve"],
            color,
        )
        for color, kind in ((3, KINDS[0]), (2, KINDS[1]))
    ]
    title = f"Loss on the image, {values['deep'] + 4} hidden layers"
    chart = line_chart(lines, title=title, x_label="steps", y_format=figure)
    told = [
        [name, f"{kinds[KINDS[0]]['weights']}", *(figure(middle(kinds[kind])) for kind in KINDS)]
        for name, kinds in values["found"].items()
    ]
    return chart + table(("function", "weights", *KINDS), told, "Median loss at the end")


LAB = Lab(
    row="N23",
    name="bypass",
    title="A bypass on functions of two inputs",
    claims="10/20/10/10 with shortcuts between its layers of ten units has no weight more, 581, "
    "and comes to a loss of 5.30e-2.",
    source="Lecture 001, bypass",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(learn, advantage),
    assumed="The figure is taken for the image of X5, with its settings and 2,000 steps; eight "
    "seeds, each with and without shortcuts from the same first weights. Whether shortcuts help "
    "is asked of 20 hidden layers, after 800 steps: with four both kinds can be trained.",
    full={"seeds": 40, "steps": 10_000, "deep": 26},
    tiny={"seeds": 3, "steps": 20, "deep": 2},
    tries=("Take other first weights.", "vitreous lab N23 --seed 1"),
    plays="data=valley&hidden=8,8,8,8&activation=relu",
)

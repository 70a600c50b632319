"""Loss histograms: a thousand trainings of one network end at a thousand losses; wide ones agree.

Choromanska, Henaff, Mathieu, Ben Arous and LeCun (2015), "The loss surfaces of multilayer
networks", arXiv:1412.0233: the test loss that gradient descent ends at varies a lot between first
weights where networks are small; the wider they are, the lower it is and the less it varies.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor
from torch.nn import functional as F

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.gallery import table
from vitreous.labs.lab import Finding, Lab, Values, figure
from vitreous.labs.labeled_images import LabeledImages, load
from vitreous.labs.many_networks import born, cross_entropy, train

WIDTHS = (4, 8, 16, 32, 64)
TOGETHER = 100  # networks that are trained side by side
SIDE = 10  # pixels that larger images are shrunk to, as in the paper
BINS = 25
PARTS = ("test", "train")


def vectors(images: Tensor) -> Tensor:
    """(N, pixels) of images (N, channels, H, W), shrunk to 10 × 10 where they are larger."""
    larger = min(images.shape[2:]) > SIDE
    return (F.adaptive_avg_pool2d(images, SIDE) if larger else images).flatten(1)


def ends(
    width: int,
    count: int,
    *,
    images: LabeledImages,
    steps: int,
    rate: float,
    seed: int,
    method: str = "sgd",
) -> dict[str, list[float]]:
    """The loss on test images, and on those trained on, of each of `count` trainings."""
    x = {"train": vectors(images.images), "test": vectors(images.new_images)}
    y = {"train": images.labels, "test": images.new_labels}
    found: dict[str, list[float]] = {part: [] for part in PARTS}
    for first in range(0, count, TOGETHER):
        some = min(TOGETHER, count - first)
        stack = born((x["train"].shape[1], width, images.classes), some, seed=1000 * seed + first)
        train(
            stack,
            x["train"],
            y["train"],
            steps=steps,
            lr=rate,
            loss=cross_entropy,
            method=method,
            batch=64,
            cosine=False,
            seed=first,
        )
        for part in PARTS:
            sums = torch.zeros(some)
            for inputs, labels in zip(
                *(torch.split(t, 2000) for t in (x[part], y[part])), strict=True
            ):
                sums += cross_entropy(stack(inputs), labels) * len(labels)
            found[part] += (sums / len(y[part])).tolist()
    return found


def measure(
    *,
    seed: int = 0,
    data: str = "digits",
    trainings: int = 100,
    steps: int = 600,
    widths: Sequence[int] = WIDTHS,
    others: bool = True,
) -> Values:
    """The losses of all trainings of each width; the ends of the widths by other rates."""
    images = load(data, seed=seed)
    run = partial(ends, images=images, seed=seed)
    found = {str(width): run(width, trainings, steps=steps, rate=0.3) for width in widths}
    moved = {}
    if others:
        some, narrow, wide = max(trainings // 4, 2), widths[0], widths[-1]
        for name, other in (
            ("a third of the rate", partial(run, steps=steps, rate=0.1)),
            ("momentum 0.9", partial(run, steps=steps, rate=0.03, method="momentum")),
        ):
            moved[name] = [other(width, some)["test"] for width in (narrow, wide)]
    return {"data": images.told(), "found": found, "moved": moved}


def shares(
    losses: Sequence[Sequence[float]], seed: int = 0
) -> tuple[list[float], list[tuple[float, float]]]:
    """Mean and variance of the last losses over those of the first, with 95 % of resampling."""
    first, last = (np.asarray(row, np.float64) for row in (losses[0], losses[-1]))
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(1000):
        a, b = (random.choice(row, len(row)) for row in (first, last))
        drawn.append([b.mean() / a.mean(), b.var() / a.var()])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    ours = [float(last.mean() / first.mean()), float(last.var() / first.var())]
    return ours, [(float(low[n]), float(high[n])) for n in (0, 1)]


def judge(values: Values) -> list[Finding]:
    """Mean and variance of the loss fall from the narrowest to the widest, and at each doubling."""
    tests = [row["test"] for row in values["found"].values()]
    widths = [*values["found"]]
    (mean, variance), (of_mean, of_variance) = shares(tests)
    pairs = [shares(pair)[0] for pair in pairwise(tests)]
    return [
        Finding(
            name=f"mean test loss of {widths[-1]} units over that of {widths[0]}",
            ours=mean,
            rule="≤",
            bound=0.8,
            interval=of_mean,
            source="falls with width",
        ),
        Finding(
            name=f"variance of the test loss of {widths[-1]} units over that of {widths[0]}",
            ours=variance,
            rule="≤",
            bound=0.1,
            interval=of_variance,
            source="falls with width",
        ),
        Finding(
            name="the largest ratio of the means from one width to the next",
            ours=max(pair[0] for pair in pairs),
            rule="<",
            bound=1,
            source="falls with width",
        ),
        Finding(
            name="the largest ratio of the variances from one width to the next",
            ours=max(pair[1] for pair in pairs),
            rule="<",
            bound=1,
            source="falls with width",
        ),
    ]


def draw(values: Values) -> Markup:
    """A histogram for each width over one axis, and how the figures move with the training."""
    tests = {width: row["test"] for width, row in values["found"].items()}
    every = np.concatenate([*tests.values()])
    edges = np.geomspace(every.min(), np.quantile(every, 0.995), BINS + 1)
    lines = []
    for color, (width, losses) in enumerate(tests.items(), 1):
        counts, _ = np.histogram(losses, edges)
        corners = np.repeat(edges, 2)[1:-1]
        lines.append(
            Line(
                f"{width} units",
                corners.tolist(),
                (np.repeat(counts, 2) / len(losses)).tolist(),
                color,
            )
        )
    chart = line_chart(
        lines,
        title=f"Test loss of {len(losses)} trainings a width, share of them",
        x_label="cross-entropy",
        log_x=True,
    )
    rows = [
        [
            f"{width} units",
            figure(float(np.mean(row["test"]))),
            figure(float(np.var(row["test"]))),
            figure(float(np.mean(row["train"]))),
        ]
        for width, row in values["found"].items()
    ]
    told = table(("width", "mean test loss", "variance", "mean training loss"), rows)
    rows = []
    for name, losses in values["moved"].items():
        (mean, variance), _ = shares(losses)
        rows.append([name, figure(mean), figure(variance)])
    head = ("assumption", "mean, widest over narrowest", "variance, likewise")
    return chart + told + (table(head, rows, "With other trainings") if rows else Markup())


LAB = Lab(
    row="X12",
    name="histograms",
    title="A thousand trainings",
    claims="Of 1,000 trainings of each width the test loss that gradient descent ends at is lower "
    "and varies less the wider the network is: poor minima are a matter of small networks.",
    source="Lecture 000 (Choromanska et al., 2015)",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(ends, shares),
    data=True,
    assumed="One hidden layer of 4 to 64 rectifiers (the paper has 25 to 500, for ten times as "
    "many images), 600 steps of plain gradient descent on 64 images at 0.3, 100 trainings a width "
    "here and 1,000 with --full. Images larger than 10 × 10 are shrunk to that, as in the paper. "
    "Intervals are 95 % of what redrawn trainings give.",
    full={"trainings": 1000, "steps": 3000},
    tiny={"trainings": 20, "steps": 60, "widths": (4, 16, 64), "others": False},
    tries=(
        "The source's thousand trainings, on its images.",
        "vitreous lab X12 --full --data MNIST_FOLDER",
    ),
)

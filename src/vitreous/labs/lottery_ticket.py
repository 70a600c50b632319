"""Lottery ticket: a few of the first weights, trained alone, do what the whole network did.

Train, take away the smallest weights of each layer, set those that are left back to their first
values, and train again; several times. The control has the same gaps and other first weights.
Frankle and Carbin (2019), "The lottery ticket hypothesis", arXiv:1803.03635.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.gallery import side_by_side
from vitreous.labs.lab import Finding, Lab, Values, over_seeds
from vitreous.labs.labeled_images import LabeledImages, load
from vitreous.labs.many_networks import Stack, born, cross_entropy, trained
from vitreous.metrics.interval import spread

HIDDEN = (64, 32)
KEEP = 0.6  # of the weights that are left, at each round
LOOKS = 25  # at the images that are not learned, during a training


@dataclass(frozen=True, eq=False)
class Training:
    """What each of S networks came to: its accuracy on new images at the end, and the step at
    which its loss on them was least."""

    accuracies: Tensor
    fastest: Tensor


def learn(
    stack: Stack,
    masks: Sequence[Tensor],
    images: LabeledImages,
    *,
    steps: int,
    rate: float,
    seed: int,
) -> Training:
    """Train in place the weights that are not masked; the others are 0."""
    for weight, mask in zip(stack.weights, masks, strict=True):
        weight.mul_(mask)
    (x, new_x), every = images.vectors, max(steps // LOOKS, 1)
    losses, times = [], []
    watched = trained(
        stack,
        x,
        images.labels,
        steps=steps,
        lr=rate,
        loss=cross_entropy,
        batch=64,
        cosine=False,
        masks=masks,
        seed=seed,
    )
    for step, _ in enumerate(watched, 1):
        if step % every == 0:
            with torch.no_grad():
                losses.append(cross_entropy(stack(new_x), images.new_labels))
            times.append(step)
    right = (stack(new_x).argmax(2) == images.new_labels).double().mean(1)
    return Training(right, torch.tensor(times)[torch.stack(losses).argmin(0)])


def pruned(stack: Stack, masks: Sequence[Tensor], keep: float) -> list[Tensor]:
    """Masks that keep the largest of the weights that are left, layer by layer.

    Of the last layer half as many are taken away, as in the paper.
    """
    found = []
    for number, (weight, mask) in enumerate(zip(stack.weights, masks, strict=True)):
        share = keep if number < len(masks) - 1 else (1 + keep) / 2
        sizes = torch.where(mask > 0, weight.abs(), -1.0).flatten(1)
        most = max(round(share * int(mask[0].sum())), 1)
        chosen = sizes.topk(most, dim=1).indices
        found.append(torch.zeros_like(sizes).scatter(1, chosen, 1.0).reshape(weight.shape))
    return found


def measure(
    *,
    seed: int = 0,
    data: str = "digits",
    seeds: int = 10,
    rounds: int = 5,
    steps: int = 600,
    rates: Sequence[float] = (0.02, 0.002),
) -> Values:
    """For both learning rates and each round: tickets, and the control with other first weights."""
    images = load(data, seed=seed)
    widths = (images.vectors[0].shape[1], *HIDDEN, images.classes)
    found = {}
    for rate in rates:
        first = born(widths, seeds, init="he", seed=seed)
        others = born(widths, seeds, init="he", seed=seed + 1)
        masks = [torch.ones_like(weight) for weight in first.weights]
        rows = []
        for number in range(rounds + 1):
            ticket, control = first.copy(), others.copy()
            run = partial(learn, masks=masks, images=images, steps=steps, rate=rate, seed=seed)
            one = run(ticket)
            other = run(control) if number else one
            left = sum(int(mask[0].sum()) for mask in masks) / sum(m[0].numel() for m in masks)
            rows.append(
                {
                    "left": left,
                    "ticket": [one.accuracies.tolist(), one.fastest.tolist()],
                    "control": [other.accuracies.tolist(), other.fastest.tolist()],
                }
            )
            masks = pruned(ticket, masks, KEEP)
        found[f"{rate:g}"] = rows
    return {"data": images.told(), "found": found}


def judge(values: Values) -> list[Finding]:
    """The smallest ticket that is at least as accurate as the whole network in the mean, against
    it and against its control, seed by seed; where there is none, the first one."""
    rows = next(iter(values["found"].values()))
    whole = rows[0]["ticket"]
    good = [row for row in rows[1:] if sum(row["ticket"][0]) >= sum(whole[0])]
    last = good[-1] if good else rows[1]
    ticket, control = last["ticket"], last["control"]
    less, better = (spread(np.subtract(ticket[0], other[0])) for other in (whole, control))
    sooner, faster = (spread(np.divide(ticket[1], other[1])) for other in (whole, control))
    return [
        Finding(
            name="weights left in the smallest ticket that is as accurate as the whole network, "
            "share",
            ours=last["left"] if good else 1.0,
            rule="≤",
            bound=0.25,
            source="10 to 20 % and less",
        ),
        over_seeds(
            "its accuracy less that of the whole network", less, "≥", -0.01, source="≥ original"
        ),
        over_seeds(
            "its accuracy less that of the same gaps with other first weights",
            better,
            ">",
            0,
            source="random re-init worse",
        ),
        over_seeds(
            "steps to the least loss on new images, over those of the control",
            faster,
            "<",
            1,
            source="learns faster",
            decides=False,
            why="the ticket's gain is in where it ends; both learn about as fast",
        ),
        over_seeds(
            "the same over those of the whole network",
            sooner,
            "≤",
            1,
            source="≤ iterations",
            decides=False,
            why="one training is looked at 25 times, and when the loss was least differs much from "
            "seed to seed",
        ),
    ]


def draw(values: Values) -> Markup:
    """Accuracy over what is left, of tickets and controls, for both rates."""
    charts = []
    for rate, rows in values["found"].items():
        lines = [
            Line(
                name,
                [100 * row["left"] for row in rows],
                [sum(row[kind][0]) / len(row[kind][0]) for row in rows],
                color,
            )
            for color, kind, name in (
                (3, "ticket", "first weights"),
                (2, "control", "other weights"),
            )
        ]
        title = f"Accuracy on new images, Adam at {rate}"
        charts.append(line_chart(lines, title=title, x_label="weights left (%)", log_x=True))
    return side_by_side(*charts)


LAB = Lab(
    row="X15",
    name="lottery",
    title="A winning ticket",
    claims="A network holds a few first weights that, trained alone, reach at least its accuracy "
    "in at most its iterations; with other first weights in their places it is worse.",
    source="Lecture 000 (Frankle and Carbin, 2019)",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(pruned,),
    data=True,
    assumed="Two hidden layers of 64 and 32, Adam at 0.02, with which the whole network is best, "
    "600 steps of 64 images; five rounds that keep 60 % each; ten seeds, compared one by one. As "
    "accurate is asked of the means; one by one it may not be a point below at the worse end of "
    "the interval. The paper's tickets are smaller, since its network is 40 times as large. The "
    "second chart has a tenth of the learning rate, with which no ticket is as accurate.",
    full={"seeds": 30, "steps": 3000},
    tiny={"seeds": 4, "rounds": 2, "steps": 25, "rates": (0.02,)},
    tries=("On the images of the paper.", "vitreous lab X15 --data MNIST_FOLDER"),
)

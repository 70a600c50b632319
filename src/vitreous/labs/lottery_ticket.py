"""Lottery ticket: a few of the first weights, trained alone, do what the whole network did.

Train, take away the smallest weights of each layer, set those that are left back to their first
values, and train again; several times. The control has the same gaps and other first weights.
Frankle and Carbin (2019), "The lottery ticket hypothesis", arXiv:1803.03635.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from markupsafe import Markup
from torch import Tensor

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.gallery import side_by_side
from vitreous.labs.lab import Finding, Lab, Values
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


def copied(stack: Stack) -> Stack:
    return Stack([w.clone() for w in stack.weights], [b.clone() for b in stack.biases], stack.act)


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
    rates: Sequence[float] = (0.002, 0.02),
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
            ticket, control = copied(first), copied(others)
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
    """The smallest ticket against the whole network and against its control, seed by seed."""
    rows = next(iter(values["found"].values()))
    whole, last = rows[0]["ticket"], rows[-1]
    less = spread([a - b for a, b in zip(last["ticket"][0], whole[0], strict=True)])
    sooner = spread([a / b for a, b in zip(last["ticket"][1], whole[1], strict=True)])
    better = spread(
        [a - b for a, b in zip(*(last[k][0] for k in ("ticket", "control")), strict=True)]
    )
    faster = spread(
        [a / b for a, b in zip(*(last[k][1] for k in ("ticket", "control")), strict=True)]
    )
    return [
        Finding(
            name="share of the weights that are left in the smallest ticket",
            ours=last["left"],
            rule="≤",
            bound=0.2,
            source="10 to 20 % and less",
        ),
        Finding(
            name="its accuracy less that of the whole network",
            ours=less.mean,
            rule="≥",
            bound=-0.01,
            interval=less.interval,
            source="≥ original",
        ),
        Finding(
            name="its accuracy less that of the same gaps with other first weights",
            ours=better.mean,
            rule=">",
            bound=0,
            interval=better.interval,
            source="random re-init worse",
        ),
        Finding(
            name="steps to the least loss on new images, over those of the control",
            ours=faster.mean,
            rule="<",
            bound=1,
            interval=faster.interval,
            source="learns faster",
            decides=False,
            why="the looks are as far apart as a twenty-fifth of the training",
        ),
        Finding(
            name="the same over those of the whole network",
            ours=sooner.mean,
            rule="≤",
            bound=1,
            interval=sooner.interval,
            source="≤ iterations",
            decides=False,
            why="so few weights need more steps here: the whole network has learned the digits by "
            "heart in a few hundred",
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
    core=(pruned, measure),
    data=True,
    assumed="Two hidden layers of 64 and 32, Adam, 600 steps of 64 images; five rounds that keep "
    "60 % each; ten seeds, compared one by one. At least the accuracy is read as: not a point "
    "below, at the worse end of the interval. The second chart has ten times the learning rate, "
    "at which first weights are soon forgotten.",
    full={"seeds": 30, "steps": 3000},
    tiny={"seeds": 4, "rounds": 2, "steps": 25, "rates": (0.002,)},
    tries=("On the images of the paper.", "vitreous lab X15 --data MNIST_FOLDER"),
)

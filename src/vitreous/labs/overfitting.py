"""Early stopping: the training loss falls for ever, the loss on new images falls and then rises.

Training is watched on images that it does not learn from, and the weights of the best moment are
kept. With labels that are partly wrong there is more to learn by heart, and the rise is steeper.
"""

from __future__ import annotations

import numpy as np
import torch
from markupsafe import Markup

from vitreous.drawing.chart import Line, line_chart
from vitreous.formats import round_percent
from vitreous.labs.gallery import side_by_side
from vitreous.labs.lab import Finding, Lab, Values, figure, over_seeds
from vitreous.labs.labeled_images import LabeledImages, load
from vitreous.labs.many_networks import born, cross_entropy, trained
from vitreous.metrics.interval import spread

FEW, WIDTH = 200, 64
WRONG = 0.2  # share of labels that are drawn
RATE = 0.5


def curves(
    images: LabeledImages, *, seeds: int, steps: int, every: int, wrong: float, seed: int
) -> dict[str, list[list[float]]]:
    """Losses and errors of each network at every so many steps of gradient descent on all images.

    train, new, error  (times, S): the loss on what is learned, on new images, and the share of
    these that is told wrongly
    """
    (x, new_x), y = images.vectors, images.redrawn(wrong, seed)
    stack = born((x.shape[1], WIDTH, images.classes), seeds, init="he", seed=seed)
    found: dict[str, list[list[float]]] = {"train": [], "new": [], "error": []}
    watched = trained(
        stack, x, y, steps=steps, lr=RATE, loss=cross_entropy, method="sgd", cosine=False
    )
    for step, losses in enumerate(watched):
        if step % every:
            continue
        with torch.no_grad():
            logits = stack(new_x)
            found["train"].append(losses.tolist())
            found["new"].append(cross_entropy(logits, images.new_labels).tolist())
            found["error"].append((logits.argmax(2) != images.new_labels).double().mean(1).tolist())
    return found


def measure(
    *, seed: int = 0, data: str = "digits", seeds: int = 5, steps: int = 3000, others: bool = True
) -> Values:
    """The curves with a fifth of the labels drawn, and with none."""
    images = load(data, seed=seed, most=FEW)
    every = max(steps // 100, 1)
    found = {
        f"{round_percent(wrong)} of the labels drawn": curves(
            images, seeds=seeds, steps=steps, every=every, wrong=wrong, seed=seed
        )
        for wrong in (WRONG, 0.0)[: 1 + others]
    }
    return {"data": images.told(), "every": every, "found": found}


def judge(values: Values) -> list[Finding]:
    """The training loss never rises; that on new images has its least before the end."""
    rows = {kind: np.asarray(part) for kind, part in next(iter(values["found"].values())).items()}
    train, new, error = rows["train"], rows["new"], rows["error"]
    stop = new.argmin(axis=0)
    seeds = np.arange(new.shape[1])
    risen = spread(new[-1] / new[stop, seeds])
    fallen = spread(new[stop, seeds] / new[0])
    saved = spread(error[-1] - error[stop, seeds])
    return [
        Finding(
            name="times that the training loss rose from one look to the next, share",
            ours=float((np.diff(train, axis=0) > 0).mean()),
            rule="≤",
            bound=0.0,
            source="monotone",
        ),
        over_seeds(
            "loss on new images: the least over that at the beginning",
            fallen,
            "≤",
            0.8,
            source="falls",
        ),
        over_seeds(
            "loss on new images: at the end over the least", risen, "≥", 1.1, source="and rises"
        ),
        over_seeds(
            "share of errors on new images that stopping saves",
            saved,
            ">",
            0,
            decides=False,
            source="the best model is the earlier one",
            why="the loss rises because wrong answers become surer, while the answers stay",
        ),
    ]


def draw(values: Values) -> Markup:
    """Both losses over the steps, with the moment to stop, for wrong and for right labels."""
    charts = []
    for name, rows in values["found"].items():
        train, new = (np.median(rows[kind], axis=1) for kind in ("train", "new"))
        steps = [n * values["every"] for n in range(len(train))]
        lines = [
            Line("learned from", steps, train.tolist(), 1),
            Line("new", steps, new.tolist(), 2),
        ]
        mark = (float(steps[int(new.argmin())]), "stop here")
        charts.append(
            line_chart(lines, title=f"Loss, {name}", x_label="steps", mark=mark, y_format=figure)
        )
    return side_by_side(*charts)


LAB = Lab(
    row="X17",
    name="early-stopping",
    title="When to stop",
    claims="The loss on what is learned falls all the time; that on other images has the shape of "
    "a U, and the weights at its bottom are kept.",
    source="Lecture 003, overfitting",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(curves,),
    data=True,
    assumed="200 images, a fifth of whose labels are drawn; 64 rectifiers, gradient descent on all "
    "images at once at 0.5, five seeds. With right labels the U is shallow: the second chart.",
    full={"seeds": 50, "steps": 10_000},
    tiny={"seeds": 2, "steps": 40, "others": False},
    tries=("Watch both curves, and stop.", "vitreous train digits --patience 3"),
    plays="data=gauss&noise=0.5&hidden=8,8&lr=0.1",
)

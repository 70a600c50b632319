"""Dying rectifiers: units that are off for every example, and so learn nothing any more.

One step that is too long can push a unit's weights to where no example turns it on; its gradient
is 0 from then on. A leaky rectifier has a slope of 0.01 there, by which it can come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from markupsafe import Markup
from torch import Tensor

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.gallery import side_by_side
from vitreous.labs.lab import Finding, Lab, Values, over_seeds
from vitreous.labs.labeled_images import load
from vitreous.labs.many_networks import Stack, born, cross_entropy, train
from vitreous.metrics.interval import spread

RATES = (0.03, 0.1, 0.3, 1.0, 2.0, 4.0)
HIDDEN = (32, 32)
KINDS = {"rectifiers": "relu", "leaky rectifiers": "leaky_relu"}
REVIVED_AT = 0.1  # the learning rate of the second training


def dead(networks: Stack, inputs: Tensor) -> Tensor:
    """(S, units) bool: hidden units whose weighted sum is above 0 for no example."""
    return torch.cat([(layer <= 0).all(1) for layer in networks.layers(inputs)[:-1]], dim=1)


def measure(
    *,
    seed: int = 0,
    data: str = "digits",
    seeds: int = 10,
    steps: int = 300,
    rates: Sequence[float] = RATES,
) -> Values:
    """Shares of dead units and accuracies for each learning rate; and of what died, what returns.

    The networks that the largest rate trained are trained on with 0.1, once as they are, once with
    a slope of 0.01 below 0.
    """
    images = load(data, seed=seed)
    (x, new_x), y = images.vectors, images.labels
    found: dict[str, dict[str, list[list[float]]]] = {kind: {} for kind in KINDS}
    revived = {}
    for rate in rates:
        for kind, act in KINDS.items():
            networks = born(
                (x.shape[1], *HIDDEN, images.classes), seeds, act=act, init="he", seed=seed
            )
            _train(networks, x, y, steps, rate, seed)
            right = (networks(new_x).argmax(2) == images.new_labels).double().mean(1)
            gone = dead(networks, x).double().mean(1)
            found[kind][f"{rate:g}"] = [gone.tolist(), right.tolist()]
            if rate == rates[-1] and act == "relu":
                before = dead(networks, x)
                for other, again in KINDS.items():
                    copy = networks.copy(again)
                    _train(copy, x, y, steps, REVIVED_AT, seed)
                    back = (before & ~dead(copy, x)).sum(1) / before.sum(1).clamp(min=1)
                    revived[other] = back.tolist()
    return {"data": images.told(), "found": found, "revived": revived}


def _train(networks: Stack, x: Tensor, y: Tensor, steps: int, rate: float, seed: int) -> None:
    settings = {"loss": cross_entropy, "method": "sgd", "batch": 64, "cosine": False}
    train(networks, x, y, steps=steps, lr=rate, seed=seed, **settings)


def judge(values: Values) -> list[Finding]:
    """More units die the longer the steps are; with a slope below 0 they come back."""
    gone = {
        kind: [spread(row[0]) for row in rows.values()] for kind, rows in values["found"].items()
    }
    rates = [*values["found"]["rectifiers"]]
    relu, leaky = gone["rectifiers"], gone["leaky rectifiers"]
    back = {kind: spread(shares) for kind, shares in values["revived"].items()}
    return [
        over_seeds(
            f"share of dead rectifiers at a learning rate of {rates[0]}",
            relu[0],
            "≤",
            0.1,
            source="few",
        ),
        over_seeds(f"the same at {rates[-1]}", relu[-1], "≥", 0.3, source="many"),
        Finding(
            name="most that it falls from one rate to the next",
            ours=max(one.mean - other.mean for one, other in pairwise(relu)),
            rule="≤",
            bound=0.05,
            source="grows with the rate",
        ),
        over_seeds(
            f"share of leaky ones below 0 for every example at {rates[-1]}",
            leaky[-1],
            "<",
            relu[-1].mean,
            source="fewer",
            decides=False,
            why="steps as long as these throw leaky units about as well; what they can do is "
            "return",
        ),
        over_seeds(
            "dead rectifiers that return when trained on",
            back["rectifiers"],
            "≤",
            0.1,
            source="none",
        ),
        over_seeds(
            "the same, once they have a slope of 0.01",
            back["leaky rectifiers"],
            "≥",
            0.2,
            source="revived",
        ),
    ]


def draw(values: Values) -> Markup:
    """Shares of dead units and accuracies over the learning rate."""
    charts = []
    for place, title in enumerate(("Dead units", "Accuracy on new images")):
        lines = [
            Line(
                kind,
                [float(rate) for rate in rows],
                [sum(row[place]) / len(row[place]) for row in rows.values()],
                color,
            )
            for color, (kind, rows) in zip((2, 3), values["found"].items(), strict=True)
        ]
        charts.append(
            line_chart(lines, title=title, x_label="learning rate", log_x=True, kind="shares")
        )
    return side_by_side(*charts)


LAB = Lab(
    row="X11",
    name="dying",
    title="Dying rectifiers",
    claims="At a high learning rate rectifiers die: they are off for every example and never learn "
    "again. A slope of 0.01 below 0 revives them.",
    source="Lectures 000 and 003, activations",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(dead, measure),
    data=True,
    assumed="Two layers of 32 units, He's weights, 300 steps of plain gradient descent on 64 "
    "images, ten seeds. Of those that died at the largest rate, all are trained on at 0.1, as "
    "they are and with the slope. Rectifiers can return only if a layer before them changes.",
    full={"seeds": 50, "steps": 2000},
    tiny={"seeds": 6, "steps": 60, "rates": (0.03, 4.0)},
    tries=("Give it other images.", "vitreous lab X11 --data MNIST_FOLDER"),
    plays="data=circle&hidden=8,8&activation=relu&lr=3",
)

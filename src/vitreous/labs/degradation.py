"""Degradation: more layers learn less, unless there are shortcuts past them.

A deeper network can do all that a shallower one does, its further layers being the identity, and
yet ends with a higher error on the very images that it learned from. He et al. (2016), "Deep
residual learning for image recognition", arXiv:1512.03385, figures 1 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from markupsafe import Markup

from vitreous.drawing.chart import Line, line_chart
from vitreous.formats import percent
from vitreous.labs.gallery import side_by_side, table
from vitreous.labs.lab import Finding, Lab, Values, figure
from vitreous.labs.labeled_images import LabeledImages, load, one_cycle
from vitreous.models.table import create
from vitreous.training.reproduce import seeded

KINDS = ("plain", "resnet")
SHALLOW, DEEP = 20, 56


def learn(
    name: str,
    images: LabeledImages,
    *,
    widths: tuple[int, int, int],
    epochs: int,
    batch: int,
    seed: int,
) -> tuple[list[float], float]:
    """Mean training loss of each epoch, and at the end the share of what was learned that is
    answered wrongly."""
    channels, height, width = images.images.shape[1:]
    with seeded(seed):
        model = create(
            name,
            num_classes=images.classes,
            in_channels=channels,
            size=(height, width),
            widths=widths,
        ).train()
    optimizer = torch.optim.SGD(
        model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4, fused=True
    )
    curve = one_cycle(model, optimizer, images, peak=0.1, epochs=epochs, batch=batch, seed=seed)
    model.eval()
    with torch.inference_mode():
        logits = torch.cat([model(part) for part in torch.split(images.images, 500)])
    return curve, float((logits.argmax(1) != images.labels).double().mean())


def measure(
    *,
    seed: int = 0,
    data: str = "digits",
    seeds: int = 2,
    epochs: int = 6,
    batch: int = 64,
    most: int = 1024,
    widths: Sequence[int] = (8, 16, 32),
    depths: Sequence[int] = (SHALLOW, DEEP),
) -> Values:
    """Curves and training errors of plain and residual networks of both depths.

    most  images that they learn
    """
    images = load(data, seed=seed, most=most)
    first, second, third = widths
    found = {}
    for kind in KINDS:
        for depth in depths:
            runs = [
                learn(
                    f"{kind}{depth}",
                    images,
                    widths=(first, second, third),
                    epochs=epochs,
                    batch=batch,
                    seed=1000 * seed + n,
                )
                for n in range(seeds)
            ]
            found[f"{kind}{depth}"] = {
                "curve": np.mean([curve for curve, _ in runs], axis=0).tolist(),
                "loss": [curve[-1] for curve, _ in runs],
                "error": [error for _, error in runs],
            }
    return {"data": images.told(), "found": found}


def judge(values: Values) -> list[Finding]:
    """Plain networks learn less with depth; residual ones of that depth learn what plain do not."""
    found = values["found"]
    plain, deep, residual, both = (
        [np.mean(row["loss"]), np.mean(row["error"])] for row in found.values()
    )
    return [
        Finding(
            name="training loss of plain56 over that of plain20",
            ours=float(deep[0] / plain[0]),
            rule=">",
            bound=1.2,
            source="higher",
        ),
        Finding(
            name="training error of plain56 less that of plain20",
            ours=float(deep[1] - plain[1]),
            rule=">",
            bound=0,
            source="higher",
        ),
        Finding(
            name="training loss of resnet56 over that of plain56",
            ours=float(both[0] / deep[0]),
            rule="<",
            bound=0.8,
            source="shortcuts mend it",
        ),
        Finding(
            name="training loss of resnet56 over that of resnet20",
            ours=float(both[0] / residual[0]),
            rule="<",
            bound=1,
            source="lower",
            decides=False,
            why="with so few steps the deeper one has not caught up; on CIFAR-10 it needs some "
            "1,000",
        ),
    ]


def draw(values: Values) -> Markup:
    """Training loss over the epochs for plain and for residual networks, and the ends."""
    found = values["found"]
    charts = []
    for kind, title in zip(KINDS, ("without shortcuts", "with shortcuts"), strict=True):
        lines = [
            Line(name, [*range(1, len(row["curve"]) + 1)], row["curve"], color)
            for color, (name, row) in zip(
                (3, 2), ((n, r) for n, r in found.items() if n.startswith(kind)), strict=True
            )
        ]
        charts.append(
            line_chart(lines, title=f"Training loss {title}", x_label="epoch", y_format=figure)
        )
    rows = [
        [name, figure(float(np.mean(row["loss"]))), percent(float(np.mean(row["error"])))]
        for name, row in found.items()
    ]
    return side_by_side(*charts) + table(("network", "training loss", "training error"), rows)


LAB = Lab(
    row="N11",
    name="degradation",
    title="Deeper is not better",
    claims="A plain network of 56 layers has a higher error than one of 20 on the images that it "
    "learned from; with shortcuts the deeper one learns.",
    source="Lecture 003, ResNet (He et al., 2016)",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(learn,),
    data=True,
    assumed="The networks are those of the paper for CIFAR-10 with half the maps of each, on the "
    "digits that come along, which the quick size can learn in seconds: 1,024 images, 6 epochs of "
    "batches of 64, gradient descent with momentum and one cycle up to 0.1, two seeds. The loss is "
    "that of the last epoch.",
    full={"seeds": 2, "epochs": 12, "batch": 100, "most": 10_000, "widths": (16, 32, 64)},
    tiny={"seeds": 1, "epochs": 1, "most": 64, "widths": (2, 2, 2)},
    tries=(
        "The source's images, some 20 minutes on two cores.",
        "vitreous lab N11 --full --data CIFAR10_FOLDER",
    ),
)

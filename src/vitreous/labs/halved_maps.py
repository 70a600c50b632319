"""Halved maps: maximum over 2 × 2, a convolution with stride 2, or one more with stride 2.

Three ways to a map of half the side: 5 × 5 and a maximum; 5 × 5 with stride 2, a quarter of the
work; 5 × 5 and then 3 × 3 with stride 2, which learns what the maximum does by rule. Springenberg
et al. (2015), "Striving for simplicity: the all convolutional net", arXiv:1412.6806.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.formats import percent
from vitreous.labs.gallery import table
from vitreous.labs.lab import Finding, Lab, Values, over_seeds
from vitreous.labs.labeled_images import LabeledImages, load, one_cycle
from vitreous.metrics.interval import Spread, spread
from vitreous.training.reproduce import seeded

LEAST = 10  # pixels of a side
SOURCE = {
    "5 × 5, maximum 2 × 2": (0.9958, 0.9877),
    "5 × 5, stride 2": (0.9942, 0.9831),
    "5 × 5, then 3 × 3, stride 2": (0.9938, 0.9857),
}
"""Accuracies on what was learned and on new images, on MNIST."""
LAYERS: dict[str, Callable[[int, int], list[nn.Module]]] = {
    "5 × 5, maximum 2 × 2": lambda c, n: [
        nn.Conv2d(c, n, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)
    ],
    "5 × 5, stride 2": lambda c, n: [nn.Conv2d(c, n, 5, stride=2, padding=2), nn.ReLU()],
    "5 × 5, then 3 × 3, stride 2": lambda c, n: [
        nn.Conv2d(c, n, 5, padding=2), nn.ReLU(), nn.Conv2d(n, n, 3, stride=2, padding=1), nn.ReLU()
    ],
}  # fmt: skip


def learn(
    kind: str, images: LabeledImages, *, maps: int, epochs: int, batch: int, seed: int
) -> tuple[float, float]:
    """Accuracies on what was learned and on new images: the layers, then one dense layer."""
    channels, height, width = images.images.shape[1:]
    places = -(-height // 2) * -(-width // 2)
    with seeded(seed):
        dense = nn.Linear(maps * places, images.classes)
        model = nn.Sequential(*LAYERS[kind](channels, maps), nn.Flatten(), dense)
    optimizer = torch.optim.Adam(model.parameters(), 0.003, fused=True)
    one_cycle(model, optimizer, images, peak=0.006, epochs=epochs, batch=batch, seed=seed)
    return tuple(  # type: ignore[return-value]
        right(model, *part)
        for part in ((images.images, images.labels), (images.new_images, images.new_labels))
    )


@torch.inference_mode()
def right(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    named = torch.cat([model(part).argmax(1) for part in torch.split(images, 1000)])
    return float((named == labels).double().mean())


def measure(
    *,
    seed: int = 0,
    data: str = "digits",
    seeds: int = 12,
    epochs: int = 10,
    batch: int = 64,
    maps: Sequence[int] = (8, 4),
) -> Values:
    """Accuracies of each kind and seed, for each number of maps; the first one is judged."""
    images = enlarged(load(data, seed=seed))
    found = {
        str(count): {
            kind: [
                learn(kind, images, maps=count, epochs=epochs, batch=batch, seed=1000 * seed + n)
                for n in range(seeds if count == maps[0] else max(seeds // 4, 2))
            ]
            for kind in SOURCE
        }
        for count in maps
    }
    return {"data": images.told(), "found": found}


def enlarged(images: LabeledImages) -> LabeledImages:
    """Twice as large where a kernel of 5 × 5 would see more than half of an image at once."""
    if min(images.images.shape[2:]) >= LEAST:
        return images
    larger, new_larger = (
        F.interpolate(part, scale_factor=2.0, mode="bilinear")
        for part in (images.images, images.new_images)
    )
    return replace(images, images=larger, new_images=new_larger)


def new(rows: Sequence[Sequence[float]]) -> Spread:
    """Accuracies on new images over the seeds."""
    return spread([row[1] for row in rows])


def judge(values: Values) -> list[Finding]:
    """The order of the three; on MNIST each figure as well."""
    rows = next(iter(values["found"].values()))
    first, strided, both = ([row[1] for row in rows[kind]] for kind in SOURCE)
    pairs = (
        ("the maximum less stride 2", first, strided, 0.46, True),
        ("3 × 3 with stride 2 less stride 2 alone", both, strided, 0.26, True),
        ("the maximum less 3 × 3 with stride 2", first, both, 0.20, False),
    )
    found = []
    for name, one, other, points, decides in pairs:
        less = spread(100 * np.subtract(one, other))
        found.append(
            over_seeds(
                f"points of accuracy: {name}",
                less,
                ">",
                0,
                source=f"{points:.2f} on MNIST",
                decides=decides,
                why="two convolutions can say more than one and a maximum; the source's own "
                "difference is of 20 images in 10,000, which first weights change as well",
            )
        )
    if not values["data"]["mnist"]:
        return found
    return [
        *found,
        *(
            Finding(
                name=f"accuracy on new images (%): {kind}",
                ours=100 * new(rows[kind]).mean,
                rule="±",
                bound=100 * figure,
                reach=0.3,
                source=f"{100 * figure:.2f}",
            )
            for kind, (_, figure) in SOURCE.items()
        ),
    ]


def draw(values: Values) -> Markup:
    """The source's table beside ours, for each number of maps."""
    lines = []
    for count, rows in values["found"].items():
        for kind, (learned, tested) in SOURCE.items():
            ours = spread([row[0] for row in rows[kind]]), new(rows[kind])
            lines.append(
                [
                    f"{kind}, {count} maps",
                    *(f"{percent(part.mean, 2)} ± {100 * part.deviation:.2f}" for part in ours),
                    f"{percent(learned, 2)}, {percent(tested, 2)}",
                ]
            )
    head = ("layers", "learned from", "new images", "the source, on MNIST")
    data = values["data"]
    said = f"{data['name']}: {data['images']} learned, {data['new']} new; ± deviation of seeds"
    return table(head, lines, said)


LAB = Lab(
    row="E9",
    name="pooling",
    title="A maximum or a stride",
    claims="On MNIST, learned and new: 5 × 5 with a maximum 99.58 and 98.77 %, 5 × 5 with stride 2 "
    "99.42 and 98.31 %, 5 × 5 and 3 × 3 with stride 2 99.38 and 98.57 %.",
    source="Lecture 001, table of pooling",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(learn,),
    data=True,
    assumed="The source does not say how many maps there are, nor what follows. Taken: 8 maps, "
    "then one dense layer; Adam with one cycle, 10 epochs, batches of 64, twelve seeds; half as "
    "many maps show how much that moves. Without --data the images are the digits that come "
    "along, on which the order is asked for and not the figures.",
    full={"seeds": 3, "epochs": 10, "batch": 100, "maps": (8, 4, 16)},
    tiny={"seeds": 2, "epochs": 2, "maps": (2,)},
    tries=("The source's figures are about MNIST.", "vitreous lab E9 --full --data MNIST_FOLDER"),
)

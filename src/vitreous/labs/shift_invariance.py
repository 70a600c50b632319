"""Shift invariance: a mean over places forgets where something is, a dense layer does not.

Both networks have the same two convolutions. Global average pooling hands on how much of each map
there is; flattening hands on where. A pattern that moves changes the one hardly and the other a
lot, and a dense layer that has never seen it there does not know it. Lin, Chen and Yan (2014),
"Network in network", arXiv:1312.4400.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from markupsafe import Markup
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.gallery import side_by_side
from vitreous.labs.lab import Finding, Lab, Values, over_seeds
from vitreous.labs.labeled_images import LabeledImages, load
from vitreous.metrics.interval import spread
from vitreous.training.reproduce import seeded

MAPS = (8, 16)
FARTHEST = 3  # pixels
ROOM = 6  # around the images: the farthest shift, and one more than what two kernels reach
POOLED = "mean over places"
KINDS: dict[str, Callable[[], nn.Module]] = {
    POOLED: lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "flattened": nn.Flatten,
}


def network(kind: str, images: LabeledImages, wraps: bool = False) -> tuple[nn.Module, nn.Module]:
    """(features, classifier): two convolutions of 3 × 3, then how places are handed on.

    wraps  whether a map continues at its other side
    """
    channels, height, width = images.images.shape[1:]
    first, second = MAPS
    features = nn.Sequential(
        nn.Conv2d(channels, first, 3, padding=1, padding_mode="circular" if wraps else "zeros"),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1, padding_mode="circular" if wraps else "zeros"),
        nn.ReLU(),
        KINDS[kind](),
    )
    places = (height + 2 * ROOM) * (width + 2 * ROOM)
    inputs = second if kind == POOLED else second * places
    return features, nn.Linear(inputs, images.classes)


def shifted(images: Tensor, pixels: int, room: int = ROOM) -> Tensor:
    """Moved to the right and down, on a black ground with so much room around the images."""
    return F.pad(images, (room + pixels, room - pixels, room + pixels, room - pixels))


def learn(kind: str, images: LabeledImages, *, epochs: int, seed: int) -> dict[str, list[float]]:
    """Change of the features, relative to their size, and accuracy, for each shift."""
    with seeded(seed):
        features, classifier = network(kind, images)
    model = nn.Sequential(features, classifier)
    optimizer = torch.optim.Adam(model.parameters(), 0.005, fused=True)
    steps = epochs * (len(images.images) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.03, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    x = shifted(images.images, 0)
    for _ in range(steps):
        rows = torch.randint(len(x), (64,), generator=generator)
        loss = F.cross_entropy(model(x[rows]), images.labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    found: dict[str, list[float]] = {"change": [], "right": []}
    with torch.inference_mode():
        still = features(shifted(images.new_images, 0))
        for pixels in range(FARTHEST + 1):
            moved = features(shifted(images.new_images, pixels))
            found["change"].append(float(((moved - still).norm(dim=1) / still.norm(dim=1)).mean()))
            right = classifier(moved).argmax(1) == images.new_labels
            found["right"].append(float(right.double().mean()))
        if kind == POOLED:  # which takes any size
            right = model(shifted(images.new_images, FARTHEST, FARTHEST)).argmax(1)
            found["border"] = [float((right == images.new_labels).double().mean())]
    return found


def around(images: LabeledImages, seed: int) -> float:
    """Largest change of the mean over places where maps wrap around and so nothing is lost."""
    with seeded(seed):
        features, _ = network(POOLED, images, wraps=True)
    features, x = features.double(), shifted(images.new_images[:50].double(), 0)
    with torch.inference_mode():
        still = features(x)
        moved = [features(x.roll((p, 2 * p), (2, 3))) for p in (1, 2, 5)]
    return float(max((m - still).abs().max() for m in moved) / still.abs().max())


def measure(
    *, seed: int = 0, data: str = "digits", seeds: int = 3, epochs: int = 25, most: int = 5000
) -> Values:
    """For both kinds and each seed, changes and accuracies for shifts of 0 to 3 pixels.

    most  images to learn
    """
    images = load(data, seed=seed, most=most)
    found = {
        kind: [learn(kind, images, epochs=epochs, seed=1000 * seed + n) for n in range(seeds)]
        for kind in KINDS
    }
    return {"data": images.told(), "found": found, "around": around(images, seed)}


def judge(values: Values) -> list[Finding]:
    """The features of the mean stay; those that are flattened change, and with them the answers."""
    change = {k: spread([row["change"][-1] for row in v]) for k, v in values["found"].items()}
    lost = {
        k: spread([row["right"][0] - row["right"][-1] for row in v])
        for k, v in values["found"].items()
    }
    knows = spread([row["right"][0] for row in values["found"][POOLED]])
    border = spread([row["right"][0] - row["border"][0] for row in values["found"][POOLED]])
    pooled, flat = KINDS
    return [
        Finding(
            name="change of the mean over places where maps wrap around",
            ours=values["around"],
            rule="≤",
            bound=1e-12,
            source="invariant",
        ),
        over_seeds(
            f"change of the features by {FARTHEST} pixels, {pooled}",
            change[pooled],
            "≤",
            0.001,
            source="invariant",
        ),
        over_seeds(
            f"change of the features by {FARTHEST} pixels, {flat}",
            change[flat],
            "≥",
            0.5,
            source="not invariant",
        ),
        over_seeds(
            f"accuracy where nothing is shifted, {pooled}", knows, "≥", 0.5, source="it has learned"
        ),
        over_seeds(
            f"accuracy lost by {FARTHEST} pixels, {pooled}",
            lost[pooled],
            "≤",
            0.05,
            source="invariant",
        ),
        over_seeds(
            f"accuracy lost by {FARTHEST} pixels, {flat}",
            lost[flat],
            "≥",
            0.2,
            source="not invariant",
        ),
        over_seeds(
            f"accuracy lost by {FARTHEST} pixels at the border, {pooled}",
            border,
            "≤",
            0.05,
            source="invariant",
            decides=False,
            why="what moves up to the border is seen in part: the zeros of padding are not the "
            "ground, and a kernel that would reach further has no place there",
        ),
    ]


def draw(values: Values) -> Markup:
    """Change of the features, and accuracy, over the shift."""
    charts = []
    for key, title in (("change", "Change of the features, of their size"), ("right", "Accuracy")):
        lines = [
            Line(
                kind,
                [*range(FARTHEST + 1)],
                [sum(row[key][n] for row in rows) / len(rows) for n in range(FARTHEST + 1)],
                color,
            )
            for color, (kind, rows) in zip((3, 2), values["found"].items(), strict=True)
        ]
        charts.append(line_chart(lines, title=title, x_label="pixels right and down"))
    return side_by_side(*charts)


LAB = Lab(
    row="X18",
    name="shift",
    title="Where it is does not matter",
    claims="Averaged over all places, feature maps do not change when the image is shifted; "
    "flattened for a dense layer, they do.",
    source="Lecture 003, global average pooling",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(network, shifted),
    data=True,
    assumed="Two convolutions of 3 × 3 with 8 and 16 maps; the images lie in the middle of a "
    "black ground with 6 pixels of room, learned there and moved right and down when tested; "
    "Adam, 25 epochs of at most 5,000 images, three seeds.",
    full={"seeds": 10, "epochs": 30, "most": 60_000},
    tiny={"seeds": 2, "epochs": 1, "most": 300},
    tries=("Move larger images.", "vitreous lab X18 --data MNIST_FOLDER"),
)

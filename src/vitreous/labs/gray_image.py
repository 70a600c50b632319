"""Image as a function: I = f(x, y), learned from its own pixels by small networks.

The source's picture is not in the source. Ours is 51 × 51 pixels made of formulas: a sky, a sun,
two hills and a tree, so that there are slopes as well as edges. Rings around the middle, which no
straight fold follows, are the second picture, on which the same is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import stdtrit
from torch import Tensor

from vitreous.labs.gallery import gray
from vitreous.labs.lab import Finding
from vitreous.labs.many_networks import born, squared, train
from vitreous.metrics.interval import Interval

Array = NDArray[np.float64]

SIDE = 51  # 2,601 gray values
BATCH, LR = 256, 0.01


def coordinates() -> tuple[Array, Array]:
    """x to the right and y downward, both (51, 51), from −1 to 1."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2)
    return x, y


def scene() -> Array:
    """(51, 51) from 0 to 1: a landscape."""
    x, y = coordinates()
    image = 0.55 + 0.2 * y
    image[np.hypot(x - 0.45, y + 0.5) < 0.25] = 1.0  # the sun
    image[y > 0.1 + 0.25 * np.sin(3 * x + 1)] = 0.35  # hills
    image[y > 0.45 + 0.2 * np.cos(4 * x)] = 0.1
    image[(np.abs(x + 0.5) < 0.2 * (y + 0.55)) & (np.abs(y + 0.075) < 0.475)] = 0.0  # a tree
    return image


def rings() -> Array:
    """(51, 51) from 0 to 1: waves around the middle."""
    return np.asarray(0.5 + 0.5 * np.cos(3 * np.pi * np.hypot(*coordinates())))


IMAGES = {"the landscape": scene, "rings": rings}


def examples(image: Array) -> tuple[Tensor, Tensor]:
    """Places (2601, 2) in [−1, 1]², and gray values (2601, 1) with mean 0 and variance 1."""
    places = np.stack(coordinates(), axis=2).reshape(-1, 2)
    values = (image - image.mean()) / image.std()
    as_tensor = [torch.tensor(a, dtype=torch.float32) for a in (places, values.reshape(-1, 1))]
    return as_tensor[0], as_tensor[1]


def fit(
    hidden: Sequence[int],
    *,
    seeds: int,
    steps: int,
    seed: int,
    image: str = "the landscape",
    act: str = "relu",
    bypass: bool = False,
) -> dict[str, Any]:
    """What networks of one shape come to: weights, the loss of each seed, and a picture.

    losses  mean squared errors over all pixels, the least first
    picture what the middle one of the networks says, as PNG in base64
    """
    pixels = IMAGES[image]()
    places, values = examples(pixels)
    networks = born((2, *hidden, 1), seeds, act=act, bypass=bypass, seed=seed)
    train(networks, places, values, steps=steps, lr=LR, batch=BATCH, seed=seed)
    answers = networks(places)
    losses = squared(answers, values)
    middle = int(losses.argsort()[seeds // 2])
    seen = answers[middle].double().numpy().reshape(SIDE, SIDE) * pixels.std() + pixels.mean()
    return {
        "weights": networks.count,
        "losses": sorted(losses.tolist()),
        "picture": gray(seen),
    }


def middle(found: dict[str, Any]) -> float:
    """The median loss of the seeds."""
    return float(np.median(found["losses"]))


def median_finding(
    name: str, found: dict[str, Any], source: str, reach: float, **more: Any
) -> Finding:
    """Is the median loss of the source's size? Beside it, the least and the largest of the seeds.

    source  its figure, as it is printed there
    reach   times that ours may be more or less
    more    other fields of `Finding`
    """
    return Finding(
        name=name,
        ours=middle(found),
        rule="×",
        bound=float(source),
        reach=reach,
        source=source,
        interval=(min(found["losses"]), max(found["losses"])),
        **more,
    )


def ratio(one: dict[str, Any], other: dict[str, Any]) -> tuple[float, Interval]:
    """Geometric mean loss of one shape over that of another, and 95 % of other seeds (Welch)."""
    first, second = (np.log(found["losses"]) for found in (one, other))
    parts = [row.var(ddof=1) / len(row) for row in (first, second)]
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(row) - 1) for part, row in zip(parts, (first, second), strict=True)
    )
    middle = first.mean() - second.mean()
    reach = stdtrit(freedom, 0.975) * sum(parts) ** 0.5
    low, high = np.exp([middle - reach, middle + reach])
    return float(np.exp(middle)), (float(low), float(high))


def shape(hidden: Sequence[int]) -> str:
    """2 × 20 of two layers of twenty, 10/20/10 where they are unequal."""
    if len(set(hidden)) == 1:
        return f"{len(hidden)} × {hidden[0]}"
    return "/".join(map(str, hidden))

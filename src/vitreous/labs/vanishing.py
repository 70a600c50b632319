"""Vanishing gradient: what reaches the first layer of a deep logistic network, and of a rectified.

The gradient passes back through each layer as δₗ = σ′(zₗ) ∘ (Wₗ₊₁ᵀ δₗ₊₁). Since σ′ ≤ ¼, its length
shrinks by ¼ ‖W‖ at least: ‖δ₁‖ / ‖δ_L‖ ≤ ¼^(L−1) · Π‖W‖. A rectifier's slope is 1 where it is on,
and with He's weights the length stays.
"""

from __future__ import annotations

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.blocks.init import INITIALIZERS
from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.lab import Finding, Lab, Values, figure, over_seeds
from vitreous.metrics.interval import spread

DEPTHS = (2, 4, 6, 8, 10, 14, 20)
CASES = {"logistic": "xavier", "relu": "he"}


def passed_back(act: str, init: str, depth: int, width: int, seed: int) -> tuple[float, float]:
    """‖δ₁‖ / ‖δ_L‖ of a network of `depth` layers, and its bound max σ′^(L−1) · Π‖W‖.

    δ are the gradients at the weighted sums of the layers, of the mean of the last layer's units.
    """
    generator = torch.Generator().manual_seed(seed)
    deviation = INITIALIZERS[init](width, width)
    layer = ACTIVATIONS[act].build()
    x = torch.randn(64, width, generator=generator, dtype=torch.float64)
    sums: list[Tensor] = []
    bound = 1.0
    for number in range(depth):
        weight = deviation * torch.randn(width, width, generator=generator, dtype=torch.float64)
        x = (x @ weight).requires_grad_(True)
        sums.append(x)
        x = layer(x)
        if number > 0:
            bound *= float(torch.linalg.matrix_norm(weight, 2)) * slope(act)
    first, last = torch.autograd.grad(x.mean(1).sum(), [sums[0], sums[-1]])
    return float(first.norm() / last.norm()), bound


def slope(act: str) -> float:
    """The steepest that an activation is: ¼ of the logistic function, 1 of a rectifier."""
    z = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    return float(ACTIVATIONS[act].derivative(z).max())


def measure(*, seed: int = 0, seeds: int = 10, width: int = 64) -> Values:
    """For each depth and both kinds of networks: ratios of all seeds, and their bounds."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    for act, init in CASES.items():
        found[act] = {
            str(depth): [
                [*passed_back(act, init, depth, width, 1000 * seed + n)] for n in range(seeds)
            ]
            for depth in DEPTHS
        }
    return {"slopes": {act: slope(act) for act in CASES}, "found": found}


def fading(values: Values, act: str) -> list[float]:
    """For each seed, by how many powers of ten the gradient grows a layer, from 2 layers to 20."""
    ends = values["found"][act][str(DEPTHS[-1])], values["found"][act][str(DEPTHS[0])]
    return [
        float(np.log10(deep[0] / shallow[0])) / (DEPTHS[-1] - DEPTHS[0])
        for deep, shallow in zip(*ends, strict=True)
    ]


def judge(values: Values) -> list[Finding]:
    """The bound is kept everywhere; the logistic gradient fades, the rectified one does not."""
    worst = max(
        ratio / bound for rows in values["found"]["logistic"].values() for ratio, bound in rows
    )
    flat = spread(np.power(10, fading(values, "relu")))
    fades = spread(np.power(10, fading(values, "logistic")))
    return [
        Finding(
            name="largest slope of the logistic function",
            ours=values["slopes"]["logistic"],
            rule="=",
            bound=0.25,
            source="0.25",
        ),
        Finding(
            name="largest ‖δ₁‖/‖δ_L‖ over ¼^(L−1) Π‖W‖", ours=worst, rule="≤", bound=1, source="≤ 1"
        ),
        over_seeds(
            "a logistic layer multiplies the gradient by", fades, "≤", 0.25, source="≤ 0.25 ‖W‖"
        ),
        over_seeds(
            "a rectified layer with He's weights multiplies it by",
            flat,
            "±",
            1,
            reach=0.1,
            source="flat",
        ),
    ]


def draw(values: Values) -> Markup:
    """Ratios over the depth, and the bound."""

    def middle(act: str, place: int) -> list[float]:
        rows = values["found"][act].values()
        return [float(np.median([row[place] for row in each])) for each in rows]

    lines = [
        Line("logistic", DEPTHS, middle("logistic", 0), 2),
        Line("its bound", DEPTHS, middle("logistic", 1), 1),
        Line("rectified, He's weights", DEPTHS, middle("relu", 0), 3),
    ]
    title = "Gradient at the first layer over that at the last"
    return line_chart(lines, title=title, x_label="layers", y_format=figure)


LAB = Lab(
    row="X10",
    name="vanishing",
    title="The vanishing gradient",
    claims="The slope of the logistic function is at most 0.25, so the gradient at the first of L "
    "layers is at most 0.25^(L−1) · Π‖W‖ of that at the last; rectifiers do not shrink it.",
    source="Lecture 000, activations",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(passed_back,),
    assumed="64 units a layer, weights of variance 1/n for logistic and 2/n for rectified units, "
    "ten seeds, gradients of the mean of the last layer.",
    full={"seeds": 100, "width": 256},
    tiny={"seeds": 3, "width": 48},
    tries=("Watch it layer by layer, then choose relu.", "vitreous lab X10 --full"),
    plays="data=circle&hidden=6,6,6,6,6,6,6&activation=logistic&lr=0.3",
)

"""Why cross-entropy: a saturated unit learns nothing from the squared error, however wrong it is.

For a sigmoid unit o = σ(z) and its target y, the gradients that reach z (and so the bias) are

    squared error ½ (o − y)²:  (o − y) σ′(z)        cross-entropy:  o − y

The factor σ′ is at most ¼ and vanishes where o is near 0 or 1, which is where a unit is that is
surely wrong. With cross-entropy it cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from markupsafe import Markup
from torch import Tensor

from vitreous.backprop.layers import Pointwise, SigmoidCrossEntropy, SquaredError
from vitreous.backprop.tape.rules import RULES
from vitreous.drawing.chart import Line, line_chart
from vitreous.labs.lab import Finding, Lab, Values


@dataclass(frozen=True)
class Slopes:
    """Gradients at the sum z of a sigmoid unit, all (N,).

    squared  ∂/∂z of ½ (σ(z) − y)²
    entropy  ∂/∂z of −y ln σ(z) − (1 − y) ln(1 − σ(z))
    """

    z: Tensor
    squared: Tensor
    entropy: Tensor


def slopes(z: Tensor, target: float = 0.0) -> Slopes:
    """Both gradients at every z (N,), passed back through the layers by hand."""
    z = z.double()
    column, targets = z[:, None], torch.full((len(z), 1), target, dtype=torch.float64)
    each = torch.ones(len(z), dtype=torch.float64)

    unit, square, entropy = Pointwise(RULES["sigmoid"]), SquaredError(), SigmoidCrossEntropy()
    square(unit(column), targets, each, 1.0)  # a sum over the examples, each for itself
    entropy(column, targets, each, 1.0)
    by_square = unit.input_gradient(square.backward()) / 2
    return Slopes(z, by_square[:, 0], entropy.backward()[:, 0])


def measure(*, seed: int = 0, count: int = 65) -> Values:
    """Both gradients for z from −8 to 8, and how far cross-entropy's is from o − y."""
    found = slopes(torch.linspace(-8, 8, count))
    off = (found.entropy - torch.sigmoid(found.z)).abs().max()
    return {
        "z": found.z.tolist(),
        "squared": found.squared.tolist(),
        "entropy": found.entropy.tolist(),
        "off": float(off),
    }


def judge(values: Values) -> list[Finding]:
    """At z = 8, where the answer is as wrong as can be, one gradient is 1 and the other 0."""
    return [
        Finding(
            name="cross-entropy: largest distance from o − y",
            ours=values["off"],
            rule="≤",
            bound=1e-10,
            source="o − y",
        ),
        Finding(
            name="cross-entropy: gradient at z = 8, target 0",
            ours=values["entropy"][-1],
            rule="≥",
            bound=0.99,
            source="o − y → 1",
        ),
        Finding(
            name="squared error: gradient at z = 8, target 0",
            ours=values["squared"][-1],
            rule="≤",
            bound=0.01,
            source="(o − y) σ′ → 0",
        ),
    ]


def draw(values: Values) -> Markup:
    """Both gradients over z."""
    return line_chart(
        [
            Line("cross-entropy: o − y", values["z"], values["entropy"], 2),
            Line("squared error: (o − y) σ′", values["z"], values["squared"], 3),
        ],
        title="What reaches a sigmoid unit whose target is 0",
        x_label="z, the weighted sum of the unit",
    )


LAB = Lab(
    row="G7",
    name="saturation",
    title="Why cross-entropy",
    claims="Squared error leaves a saturated unit stuck, since its gradient is (o − y) σ′; that of "
    "cross-entropy is o − y.",
    source="Lecture 002, cross-entropy",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(slopes,),
    tiny={"count": 9},
    tries=("Switch the loss in the playground, and compare the start.", "vitreous lab G7"),
    plays="data=gauss&hidden=&lr=0.003&loss=cross_entropy",
)

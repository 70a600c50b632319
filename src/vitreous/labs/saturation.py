"""Why cross-entropy: a saturated unit learns nothing from the squared error, however wrong it is.

For a sigmoid unit o = σ(z) and its target y, the gradients that reach z (and so the bias) are

    squared error ½ (o − y)²:  (o − y) σ′(z)        cross-entropy:  o − y

The factor σ′ is at most ¼ and vanishes where o is near 0 or 1, which is where a unit is that is
surely wrong. With cross-entropy it cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vitreous.backprop.layers import Pointwise, SigmoidCrossEntropy, SquaredError
from vitreous.backprop.tape.rules import RULES
from vitreous.labs.picture import figure, save


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


def plot(path: str | Path, target: float = 0.0) -> Path:
    """Draw both gradients for z from −8 to 8; the file's ending decides on its format."""
    found = slopes(torch.linspace(-8, 8, 321), target)
    drawn = figure(6.4, 3.6)
    axes = drawn.add_subplot()
    axes.plot(found.z, found.entropy, color="#17803d", linewidth=2, label="cross-entropy: o − y")
    axes.plot(found.z, found.squared, color="#c8242f", linewidth=2, label="squared: (o − y) σ′")
    axes.axhline(0, color="#98a2b3", linewidth=0.8)
    axes.set_xlabel("z, the weighted sum of the unit")
    axes.set_ylabel("gradient")
    axes.set_title(f"What reaches a sigmoid unit whose target is {target:g}")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return save(drawn, path, dpi=160)

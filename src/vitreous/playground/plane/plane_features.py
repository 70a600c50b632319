"""What a network of the playground is told about a point: functions of its two coordinates.

Each row gives the formula as it is printed in the page and as Python, so that the code which the
page hands out is the code that ran.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Feature:
    """A row of `FEATURES`: a label, the same in Python, and the function itself."""

    label: str
    source: str
    compute: Callable[[Tensor, Tensor], Tensor]


def _radius(x1: Tensor, x2: Tensor) -> Tensor:
    return (x1 * x1 + x2 * x2).sqrt()


FEATURES = {
    "x1": Feature("X₁", "x1", lambda x1, x2: x1),
    "x2": Feature("X₂", "x2", lambda x1, x2: x2),
    "x1_squared": Feature("X₁²", "x1 * x1", lambda x1, x2: x1 * x1),
    "x2_squared": Feature("X₂²", "x2 * x2", lambda x1, x2: x2 * x2),
    "product": Feature("X₁X₂", "x1 * x2", lambda x1, x2: x1 * x2),
    "sin_x1": Feature("sin X₁", "torch.sin(x1)", lambda x1, x2: torch.sin(x1)),
    "sin_x2": Feature("sin X₂", "torch.sin(x2)", lambda x1, x2: torch.sin(x2)),
    "cos_x1": Feature("cos X₁", "torch.cos(x1)", lambda x1, x2: torch.cos(x1)),
    "cos_x2": Feature("cos X₂", "torch.cos(x2)", lambda x1, x2: torch.cos(x2)),
    "radius": Feature("√(X₁²+X₂²)", "(x1 * x1 + x2 * x2).sqrt()", _radius),
    "abs_x1": Feature("|X₁|", "x1.abs()", lambda x1, x2: x1.abs()),
    "abs_x2": Feature("|X₂|", "x2.abs()", lambda x1, x2: x2.abs()),
}


class Features(nn.Module):
    """Points (B, 2) to the values of the named features (B, F). It has no parameters."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    def forward(self, points: Tensor) -> Tensor:
        x1, x2 = points[:, 0], points[:, 1]
        return torch.stack([FEATURES[name].compute(x1, x2) for name in self.names], dim=1)

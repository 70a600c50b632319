"""The two losses of the playground, and how an output becomes a color.

Squared error on a squashed output is what the first networks used, and it fades where the output
saturates; cross-entropy does not, because its gradient with respect to the logit is the plain
error. Both can be watched on the same points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Loss:
    """A row of `LOSSES`, for targets in {-1, 1}, or in [-1, 1] for regression.

    each       (outputs z (B, 1), targets t (B, 1)) -> (B,) one loss a point, to classify
    source     the same in Python, as the page hands it out
    squash     z to the answer in [-1, 1] that is drawn
    """

    label: str
    each: Callable[[Tensor, Tensor], Tensor]
    source: str
    squash: Callable[[Tensor], Tensor]


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    """½ (tanh z - t)²."""
    return (torch.tanh(outputs) - targets).square().sum(dim=1) / 2


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """ln(1 + exp(-t z)): with t = ±1, binary cross-entropy of the logistic function of z."""
    return functional.softplus(-targets * outputs).sum(dim=1)


def regression(outputs: Tensor, targets: Tensor) -> Tensor:
    """½ (z - t)²."""
    return (outputs - targets).square().sum(dim=1) / 2


LOSSES = {
    "squared": Loss(
        "squared error",
        squared,
        "(torch.tanh(outputs) - targets).square().sum(dim=1) / 2",
        torch.tanh,
    ),
    "cross_entropy": Loss(
        "cross-entropy",
        cross_entropy,
        "torch.nn.functional.softplus(-targets * outputs).sum(dim=1)",
        lambda outputs: torch.tanh(outputs / 2),
    ),
}
REGRESSION = Loss(
    "squared error",
    regression,
    "(outputs - targets).square().sum(dim=1) / 2",
    lambda outputs: outputs.clamp(-1, 1),
)


def loss_for(task: str, name: str) -> Loss:
    """The loss of that name to classify; for regression, squared error on the plain output."""
    return REGRESSION if task == "regress" else LOSSES[name]

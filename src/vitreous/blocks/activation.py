"""The non-linearities, from the step of 1957 to the gates of today: a table of names.

Each row holds the layer, its derivative, from the table of back-propagation by hand, and the range
of its values. Without one of them a deep network is a linear one. The rectifier (Nair and Hinton,
2010) made depth practical, because its slope does not fade: that of the logistic function never
exceeds 1/4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from vitreous.backprop.tape.rules import RULES
from vitreous.errors import unknown

INFINITY = math.inf


class Step(nn.Module):
    """0 left of zero, 1 right of it, 1/2 at it. Its slope is 0: nothing can be learned through."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.sign() + 1) / 2  # with a gradient, of 0; torch.heaviside has none at all


class Sign(nn.Module):
    """-1, 0 or 1: the output of Rosenblatt's perceptron."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sign()


class PiecewiseLinear(nn.Module):
    """x + 1/2, cut off at 0 and 1: a straight line's answer to the logistic function."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 0.5).clamp(0, 1)


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x/3), of LeCun et al. (1998): its values at ±1 are ±1."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


@dataclass(frozen=True)
class Activation:
    """One row: how to make the layer, its derivative (away from kinks), and its range."""

    build: Callable[[], nn.Module]
    derivative: Callable[[Tensor], Tensor]
    low: float
    high: float
    smooth: bool = True


def _slope(rule: str) -> Callable[[Tensor], Tensor]:
    """The derivative that the table of rules has for a function of one number."""
    made = RULES[rule]
    assert made.slope is not None
    slope = made.slope
    return lambda x: slope(x, made.forward(x))


ACTIVATIONS: dict[str, Activation] = {
    "step": Activation(Step, _slope("step"), 0, 1, smooth=False),
    "sign": Activation(Sign, _slope("sign"), -1, 1, smooth=False),
    "linear": Activation(nn.Identity, _slope("linear"), -INFINITY, INFINITY),
    "piecewise_linear": Activation(
        PiecewiseLinear, lambda x: (x.abs() < 0.5).to(x.dtype), 0, 1, smooth=False
    ),
    "logistic": Activation(nn.Sigmoid, _slope("sigmoid"), 0, 1),
    "tanh": Activation(nn.Tanh, _slope("tanh"), -1, 1),
    "scaled_tanh": Activation(
        ScaledTanh, lambda x: 1.7159 * 2 / 3 * (1 - torch.tanh(x * 2 / 3) ** 2), -1.7159, 1.7159
    ),
    "softplus": Activation(nn.Softplus, _slope("softplus"), 0, INFINITY),
    "relu": Activation(nn.ReLU, _slope("relu"), 0, INFINITY, smooth=False),
    "relu6": Activation(nn.ReLU6, _slope("relu6"), 0, 6, smooth=False),
    # Maas et al. (2013): a slope of 0.01 lets a dead unit come back. The function is continuous.
    "leaky_relu": Activation(
        partial(nn.LeakyReLU, 0.01), _slope("leaky_relu"), -INFINITY, INFINITY, smooth=False
    ),
    # He et al. (2015), "Delving deep into rectifiers": the slope is learned, and begins at 1/4.
    "prelu": Activation(
        nn.PReLU,
        lambda x: torch.where(x > 0, 1, 0.25).to(x.dtype),
        -INFINITY,
        INFINITY,
        smooth=False,
    ),
    "elu": Activation(nn.ELU, _slope("elu"), -1, INFINITY),
    "silu": Activation(nn.SiLU, _slope("silu"), -0.2785, INFINITY),
    "gelu": Activation(nn.GELU, _slope("gelu"), -0.17, INFINITY),
    "hardswish": Activation(nn.Hardswish, _slope("hardswish"), -0.375, INFINITY, smooth=False),
}


def activation(name: str) -> nn.Module:
    """A new layer of that name. Raises UsageError that offers the nearest names.

    Layers never work in place: a recorded output stays what it was.
    """
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name].build()

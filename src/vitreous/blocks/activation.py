"""The non-linearities, from the step of 1957 to the gates of today: a table of names.

Each row holds the layer, its derivative in closed form and the range of its values. Without one of
them a deep network is a linear one. The rectifier (Nair and Hinton, 2010) made depth practical,
because its slope does not fade: that of the logistic function never exceeds 1/4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from vitreous.errors import unknown

INFINITY = math.inf


class Step(nn.Module):
    """0 left of zero, 1 right of it, 1/2 at it. Its slope is 0: nothing can be learned through."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.heaviside(x, x.new_tensor(0.5))


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


def _either(x: Tensor, condition: Tensor, slope: float, otherwise: float) -> Tensor:
    return torch.where(condition, torch.full_like(x, slope), torch.full_like(x, otherwise))


def _silu_slope(x: Tensor) -> Tensor:
    gate = x.sigmoid()
    return gate + x * gate * (1 - gate)


def _gelu_slope(x: Tensor) -> Tensor:
    share = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    return share + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _hardswish_slope(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, (2 * x + 3) / 6, (x > 0).to(x.dtype))


ACTIVATIONS: dict[str, Activation] = {
    "step": Activation(Step, torch.zeros_like, 0, 1, smooth=False),
    "sign": Activation(Sign, torch.zeros_like, -1, 1, smooth=False),
    "linear": Activation(nn.Identity, torch.ones_like, -INFINITY, INFINITY),
    "piecewise_linear": Activation(
        PiecewiseLinear, lambda x: _either(x, x.abs() < 0.5, 1, 0), 0, 1, smooth=False
    ),
    "logistic": Activation(nn.Sigmoid, lambda x: x.sigmoid() * (1 - x.sigmoid()), 0, 1),
    "tanh": Activation(nn.Tanh, lambda x: 1 - x.tanh() ** 2, -1, 1),
    "scaled_tanh": Activation(
        ScaledTanh, lambda x: 1.7159 * 2 / 3 * (1 - torch.tanh(x * 2 / 3) ** 2), -1.7159, 1.7159
    ),
    "softplus": Activation(nn.Softplus, torch.sigmoid, 0, INFINITY),
    "relu": Activation(nn.ReLU, lambda x: _either(x, x > 0, 1, 0), 0, INFINITY, smooth=False),
    "relu6": Activation(
        nn.ReLU6, lambda x: _either(x, (x > 0) & (x < 6), 1, 0), 0, 6, smooth=False
    ),
    # Maas et al. (2013): a slope of 0.01 lets a dead unit come back. The function is continuous.
    "leaky_relu": Activation(
        partial(nn.LeakyReLU, 0.01),
        lambda x: _either(x, x > 0, 1, 0.01),
        -INFINITY,
        INFINITY,
        smooth=False,
    ),
    # He et al. (2015), "Delving deep into rectifiers": the slope is learned, and begins at 1/4.
    "prelu": Activation(
        nn.PReLU, lambda x: _either(x, x > 0, 1, 0.25), -INFINITY, INFINITY, smooth=False
    ),
    "elu": Activation(nn.ELU, lambda x: x.clamp(max=0).exp(), -1, INFINITY),
    "silu": Activation(nn.SiLU, _silu_slope, -0.2785, INFINITY),
    "gelu": Activation(nn.GELU, _gelu_slope, -0.17, INFINITY),
    "hardswish": Activation(nn.Hardswish, _hardswish_slope, -0.375, INFINITY, smooth=False),
}


def activation(name: str) -> nn.Module:
    """A new layer of that name. Raises UsageError that offers the nearest names.

    Layers never work in place: a recorded output stays what it was.
    """
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name].build()

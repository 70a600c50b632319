"""What a differentiable operation is: its value, how gradients pass back, inputs to test it on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Derivative = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Inputs on which a rule is tested: shapes, an interval to draw from, options of the call."""

    shapes: tuple[tuple[int, ...], ...]
    interval: tuple[float, float] = (-2.0, 2.0)
    options: dict[str, Any] = field(default_factory=dict)

    def inputs(self, kinks: tuple[float, ...] = (), margin: float = 0.05) -> tuple[Tensor, ...]:
        """Distinct float64 values in a fixed scrambled order, none within `margin` of a kink."""
        generator = torch.Generator().manual_seed(0)
        low, high = self.interval
        tensors = []
        for position, shape in enumerate(self.shapes):
            count = math.prod(shape)
            order = torch.randperm(count, generator=generator).double()
            # Operands sit on interleaved grids, so that no two of them ever tie in a maximum.
            values = low + (high - low) * (order + (position + 1) / 4) / count
            for kink in kinks:
                near = (values - kink).abs() < margin
                values = torch.where(near, kink + margin * (1 + order / count), values)
            tensors.append(values.reshape(shape))
        return tuple(tensors)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An operation and its derivative.

    name        key in `RULES` and the word to use in an expression
    symbol      how a graph labels the node
    formula     the operation, with operands x, y and result z
    local       its local derivatives, as a reader would write them
    forward     (*inputs, **options) -> output
    vjp         (gradient, output, *inputs, **options) -> one gradient per input
    slope       dz/dx as a function of (x, z), for pointwise operations of one argument
    kinks       points where the derivative jumps; tests stay away from them
    """

    name: str
    symbol: str
    formula: str
    local: str
    forward: Callable[..., Tensor]
    vjp: Callable[..., tuple[Tensor, ...]]
    samples: tuple[Sample, ...]
    slope: Derivative | None = None
    kinks: tuple[float, ...] = ()

    def backward(
        self, gradient: Tensor, output: Tensor, inputs: tuple[Tensor, ...], **options: Any
    ) -> tuple[Tensor, ...]:
        """Gradient with respect to each input, each in the shape of that input.

        What broadcasting copied in the forward pass is summed on the way back.
        """
        gradients = self.vjp(gradient, output, *inputs, **options)
        return tuple(
            sum_to(gradient, tuple(operand.shape))
            for gradient, operand in zip(gradients, inputs, strict=True)
        )


def sum_to(gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Undo broadcasting: sum over the axes along which a tensor of `shape` was repeated."""
    if gradient.shape == shape:
        return gradient
    extra = gradient.dim() - len(shape)
    stretched = [
        axis + extra
        for axis, size in enumerate(shape)
        if size == 1 and gradient.shape[axis + extra] != 1
    ]
    if extra or stretched:
        gradient = gradient.sum(dim=[*range(extra), *stretched], keepdim=True)
    return gradient.reshape(shape)


def pointwise(
    name: str,
    symbol: str,
    formula: str,
    local: str,
    forward: Callable[[Tensor], Tensor],
    slope: Derivative,
    *,
    kinks: tuple[float, ...] = (),
    samples: tuple[Sample, ...] = (Sample(shapes=((3, 4),)),),
) -> Rule:
    """A rule for z = f(x), element by element: the gradient is multiplied by the slope."""
    return Rule(
        name=name,
        symbol=symbol,
        formula=formula,
        local=local,
        forward=forward,
        vjp=lambda gradient, z, x: (gradient * slope(x, z),),
        slope=slope,
        kinks=kinks,
        samples=samples,
    )

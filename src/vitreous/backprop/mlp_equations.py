"""The four equations of back-propagation, for a multi-layer perceptron.

    z^l = W^l a^{l−1} + b^l,   a^l = σ(z^l),   a^0 = x,   C = cost(a^L)

    δ^L = ∇_a C ∘ σ′(z^L)                         error of the last layer       (1)
    δ^l = (W^{l+1})ᵀ δ^{l+1} ∘ σ′(z^l)            error of any layer below      (2)
    ∂C/∂b^l = δ^l                                 gradient of the biases        (3)
    ∂C/∂W^l = δ^l (a^{l−1})ᵀ                      gradient of the weights       (4)

Nielsen (2015), "Neural Networks and Deep Learning", chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vitreous.backprop.tape.rule import Rule
from vitreous.backprop.tape.rules import RULES
from vitreous.errors import UsageError


def output_error(cost_gradient: Tensor, slope: Tensor) -> Tensor:
    """(1): δ^L = ∇_a C ∘ σ′(z^L)."""
    return cost_gradient * slope


def hidden_error(weight_above: Tensor, error_above: Tensor, slope: Tensor) -> Tensor:
    """(2): δ^l = (W^{l+1})ᵀ δ^{l+1} ∘ σ′(z^l)."""
    return weight_above.T @ error_above * slope


def bias_gradient(error: Tensor) -> Tensor:
    """(3): ∂C/∂b^l = δ^l."""
    return error


def weight_gradient(error: Tensor, activation_below: Tensor) -> Tensor:
    """(4): ∂C/∂W^l = δ^l (a^{l−1})ᵀ, an outer product."""
    return torch.outer(error, activation_below)


@dataclass(frozen=True)
class Pass:
    """Everything that one example leaves behind, layer by layer; layer l is at position l − 1.

    activations       a^0 (the input), a^1, ..., a^L: one more than there are layers
    sums              z^1, ..., z^L
    errors            δ^1, ..., δ^L
    weight_gradients  ∂C/∂W^1, ..., ∂C/∂W^L
    bias_gradients    ∂C/∂b^1, ..., ∂C/∂b^L
    """

    activations: tuple[Tensor, ...]
    sums: tuple[Tensor, ...]
    errors: tuple[Tensor, ...]
    weight_gradients: tuple[Tensor, ...]
    bias_gradients: tuple[Tensor, ...]


@torch.no_grad()
def backpropagate(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    x: Tensor,
    cost_gradient: Callable[[Tensor], Tensor],
    activation: Rule = RULES["sigmoid"],
) -> Pass:
    """One example forward and back through a perceptron of any depth.

    weights        W^l, (units of layer l, units of layer l − 1)
    biases         b^l, (units of layer l,)
    x              (inputs,)
    cost_gradient  a^L -> ∇_a C; for C = ½‖a − t‖² it is a − t
    activation     a pointwise rule
    """
    if len(weights) != len(biases) or not weights:
        raise UsageError(
            f"{len(weights)} weight matrices and {len(biases)} bias vectors",
            remedy="Give one of each for every layer, and at least one layer.",
        )
    slope = activation.slope
    if slope is None:
        raise UsageError(
            f"the activation {activation.name} is not pointwise",
            remedy="Use sigmoid, tanh, relu, or another rule with a slope.",
        )
    activations, sums = [x], []
    for weight, bias in zip(weights, biases, strict=True):
        sums.append(weight @ activations[-1] + bias)
        activations.append(activation.forward(sums[-1]))

    slopes = [slope(z, a) for z, a in zip(sums, activations[1:], strict=True)]
    errors = [output_error(cost_gradient(activations[-1]), slopes[-1])]
    for layer in range(len(weights) - 2, -1, -1):
        errors.insert(0, hidden_error(weights[layer + 1], errors[0], slopes[layer]))

    return Pass(
        activations=tuple(activations),
        sums=tuple(sums),
        errors=tuple(errors),
        weight_gradients=tuple(
            weight_gradient(error, below) for error, below in zip(errors, activations, strict=False)
        ),
        bias_gradients=tuple(bias_gradient(error) for error in errors),
    )

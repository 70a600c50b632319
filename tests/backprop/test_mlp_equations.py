"""The four equations against autograd, for perceptrons of every depth."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vitreous.backprop.mlp_equations import backpropagate
from vitreous.backprop.tape.rules import RULES
from vitreous.errors import UsageError


def perceptron(depth: int) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
    generator = torch.Generator().manual_seed(depth)
    widths = [3, *(2 + layer % 4 for layer in range(depth))]

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    weights = [draw(b, a) for a, b in itertools.pairwise(widths)]
    return weights, [draw(len(w)) for w in weights], draw(3), draw(widths[-1])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("depth", range(1, 11))
def test_the_four_equations_are_autograds_gradients(depth: int, activation: str) -> None:
    weights, biases, x, target = perceptron(depth)
    rule = RULES[activation]
    leaves = [t.clone().requires_grad_() for t in (*weights, *biases)]
    a, sums = x, []
    for weight, bias in zip(leaves[:depth], leaves[depth:], strict=True):
        sums.append(weight @ a + bias)
        a = rule.forward(sums[-1])
    cost = 0.5 * (a - target).square().sum()
    expected = torch.autograd.grad(cost, [*leaves, *sums])

    found = backpropagate(weights, biases, x, lambda output: output - target, rule)
    assert len(found.activations) == depth + 1
    assert_close(found.activations[-1], a.detach(), rtol=1e-12, atol=1e-12)
    mine = (*found.weight_gradients, *found.bias_gradients, *found.errors)
    for by_equation, by_autograd in zip(mine, expected, strict=True):
        assert_close(by_equation, by_autograd, rtol=1e-10, atol=1e-10)


def test_wrong_arguments_are_named() -> None:
    weights, biases, x, _ = perceptron(2)
    with pytest.raises(UsageError, match="2 weight matrices and 1 bias"):
        backpropagate(weights, biases[:1], x, lambda a: a)
    with pytest.raises(UsageError, match="matmul is not pointwise"):
        backpropagate(weights, biases, x, lambda a: a, RULES["matmul"])

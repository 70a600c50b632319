"""The four equations against autograd, for perceptrons of every depth."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vitreous.backprop.mlp_equations import backpropagate
from vitreous.backprop.tape.rules import RULES
from vitreous.blocks.init import INITIALIZERS
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


def spectral(weight: Tensor) -> float:
    """The most that it can stretch a vector."""
    return torch.linalg.matrix_norm(weight, 2).item()


@pytest.mark.parametrize("depth", [2, 3, 5, 10, 30])
@pytest.mark.parametrize("gain", [0.5, 1.0, 4.0])
def test_gradients_vanish_through_logistic_layers(depth: int, gain: float) -> None:
    """‖δ¹‖ / ‖δᴸ‖ ≤ 0.25^(L−1) · Π ‖Wˡ‖ over the layers above the first, as σ′ is at most ¼."""
    generator = torch.Generator().manual_seed(depth)
    weights = [
        gain * torch.randn(20, 20, generator=generator, dtype=torch.float64) / 20**0.5
        for _ in range(depth)
    ]
    biases = [torch.randn(20, generator=generator, dtype=torch.float64) for _ in range(depth)]
    x = torch.randn(20, generator=generator, dtype=torch.float64)
    found = backpropagate(weights, biases, x, lambda output: output - 1)
    bound = 0.25 ** (depth - 1) * math.prod(map(spectral, weights[1:]))
    ratio = (found.errors[0].norm() / found.errors[-1].norm()).item()
    assert 0 < ratio <= bound
    # The gradients of the weights are outer products with what the layers are given.
    given = (x.norm() / found.activations[-2].norm()).item()
    first, *_, last = (gradient.norm().item() for gradient in found.weight_gradients)
    assert first / last == pytest.approx(ratio * given, rel=1e-9)
    assert first / last <= bound * given * (1 + 1e-9)


def test_the_bound_is_reached_in_the_middle_of_the_logistic_function() -> None:
    """Where every sum is 0 and the weights are turns, nothing but the quarters is lost."""
    generator = torch.Generator().manual_seed(0)
    weights, biases, below = [], [], torch.ones(8, dtype=torch.float64)
    for _ in range(12):
        drawn = torch.randn(8, 8, generator=generator, dtype=torch.float64)
        weights.append(3 * torch.linalg.qr(drawn).Q)
        biases.append(-(weights[-1] @ below))
        below = torch.full((8,), 0.5, dtype=torch.float64)
    found = backpropagate(weights, biases, torch.ones(8).double(), lambda output: output - 1)
    ratio = (found.errors[0].norm() / found.errors[-1].norm()).item()
    assert ratio == pytest.approx((3 / 4) ** 11, rel=1e-9)


@pytest.mark.parametrize(
    ("initializer", "activation", "kept"),
    [
        ("he", "relu", 1.0),
        ("xavier", "linear", 1.0),
        ("xavier", "relu", 0.5),
        ("he", "linear", 2.0),
    ],
)
def test_rectifiers_with_their_initialization_keep_gradients(
    initializer: str, activation: str, kept: float
) -> None:
    """The square of the gradient changes by `kept` at each layer: flat for the right pair."""
    depth, width, tries = 30, 256, 16
    generator = torch.Generator().manual_seed(0)
    deviation = INITIALIZERS[initializer](width, width)
    first = last = 0.0
    for _ in range(tries):
        weights = [deviation * torch.randn(width, width, generator=generator) for _ in range(depth)]
        x, signal = torch.randn(2, width, generator=generator)
        errors = backpropagate(
            weights, [torch.zeros(width)] * depth, x, lambda output, signal=signal: signal,
            RULES[activation],
        ).errors  # fmt: skip
        first += errors[0].double().square().sum().item()
        last += errors[-1].double().square().sum().item()
    assert math.log2(first / last / kept ** (depth - 1)) == pytest.approx(0, abs=1)


def test_wrong_arguments_are_named() -> None:
    weights, biases, x, _ = perceptron(2)
    with pytest.raises(UsageError, match="2 weight matrices and 1 bias"):
        backpropagate(weights, biases[:1], x, lambda a: a)
    with pytest.raises(UsageError, match="matmul is not pointwise"):
        backpropagate(weights, biases, x, lambda a: a, RULES["matmul"])

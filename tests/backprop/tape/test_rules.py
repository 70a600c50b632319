"""Every rule of the table against torch autograd and against finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vitreous.backprop.tape.rule import Rule, Sample, sum_to
from vitreous.backprop.tape.rules import RULES

CASES = [
    pytest.param(rule, sample, id=f"{rule.name}-{sample.shapes}-{sample.options}")
    for rule in RULES.values()
    for sample in rule.samples
]


def probe(output: Tensor) -> Tensor:
    """A fixed gradient of the output's shape: all its elements different."""
    return torch.linspace(-1.3, 1.7, output.numel(), dtype=torch.float64).reshape(output.shape)


@pytest.mark.parametrize(("rule", "sample"), CASES)
def test_a_rule_agrees_with_autograd(rule: Rule, sample: Sample) -> None:
    inputs = [x.requires_grad_() for x in sample.inputs(rule.kinks)]
    output = rule.forward(*inputs, **sample.options)
    gradient = probe(output)
    expected = [torch.zeros_like(x) for x in inputs]
    if output.requires_grad:  # a step is flat, and autograd does not follow it
        found = torch.autograd.grad(output, inputs, gradient, allow_unused=True)
        expected = [zero if g is None else g for zero, g in zip(expected, found, strict=True)]
    with torch.no_grad():
        by_hand = rule.backward(gradient, output, tuple(inputs), **sample.options)
    for mine, theirs in zip(by_hand, expected, strict=True):
        assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("rule", "sample"), CASES)
def test_a_rule_agrees_with_finite_differences(rule: Rule, sample: Sample) -> None:
    inputs = sample.inputs(rule.kinks)
    output = rule.forward(*inputs, **sample.options)
    gradient = probe(output)
    step = 1e-6
    for position, by_hand in enumerate(rule.backward(gradient, output, inputs, **sample.options)):
        for index in range(inputs[position].numel()):
            values = []
            for sign in (0.5, -0.5):
                moved = [x.clone() for x in inputs]
                moved[position].view(-1)[index] += sign * step
                values.append((rule.forward(*moved, **sample.options) * gradient).sum())
            numeric = (values[0] - values[1]) / step
            assert_close(by_hand.flatten()[index], numeric, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rule", [r for r in RULES.values() if r.kinks], ids=lambda r: r.name)
def test_samples_keep_away_from_kinks(rule: Rule) -> None:
    for sample in rule.samples:
        x = sample.inputs(rule.kinks)[0]
        assert min(float((x - kink).abs().min()) for kink in rule.kinks) >= 0.04
        assert len(x.unique()) == x.numel()


@pytest.mark.parametrize("name", ["relu", "relu6", "hardtanh", "leaky_relu", "elu", "abs"])
def test_the_derivative_at_a_kink_is_torchs(name: str) -> None:
    rule = RULES[name]
    x = torch.tensor(rule.kinks, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(rule.forward(x).sum(), x)
    with torch.no_grad():
        (mine,) = rule.backward(torch.ones_like(x), rule.forward(x), (x,))
    assert_close(mine, expected, rtol=0, atol=0)


def test_the_sigmoid_rises_and_its_slope_is_at_most_a_quarter() -> None:
    sigmoid = RULES["sigmoid"]
    x = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    z = sigmoid.forward(x)
    assert_close(z, 1 / (1 + torch.exp(-x)))
    assert sigmoid.slope is not None
    slope = sigmoid.slope(x, z)
    assert float(slope.max()) == 0.25
    assert abs(float(x[slope.argmax()])) < 1e-9


def test_the_step_is_one_half_at_zero() -> None:
    x = torch.tensor([-3.0, 0.0, 2.0])
    assert_close(RULES["step"].forward(x), torch.tensor([0.0, 0.5, 1.0]))


def test_leaky_relu_is_continuous_only_its_slope_jumps() -> None:
    leaky = RULES["leaky_relu"]
    x = torch.tensor([-1e-9, 0.0, 1e-9], dtype=torch.float64)
    z = leaky.forward(x)
    assert float(z.diff().abs().max()) < 1e-8
    assert leaky.slope is not None
    assert_close(leaky.slope(x, z), torch.tensor([0.01, 0.01, 1.0], dtype=torch.float64))


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    x = torch.tensor([1.0, 5.0, 5.0])
    (gradient,) = RULES["max"].backward(torch.tensor(2.0), torch.tensor(5.0), (x,))
    assert_close(gradient, torch.tensor([0.0, 2.0, 0.0]))


def test_powers_of_zero_have_finite_derivatives() -> None:
    x, y = torch.tensor([0.0, 0.0]), torch.tensor([0.0, 3.0])
    power = RULES["power"]
    by_base, by_exponent = power.backward(torch.ones(2), power.forward(x, y), (x, y))
    assert_close(by_base, torch.zeros(2))
    assert_close(by_exponent, torch.zeros(2))


def test_broadcasting_is_undone_by_sums() -> None:
    gradient = torch.arange(24.0).reshape(2, 3, 4)
    assert_close(sum_to(gradient, (3, 1)), gradient.sum((0, 2)).reshape(3, 1))
    assert_close(sum_to(gradient, ()), gradient.sum())
    assert sum_to(gradient, (2, 3, 4)) is gradient

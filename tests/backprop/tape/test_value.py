"""The tape: values, local derivatives and gradients of free expressions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from vitreous.backprop.tape.rules import RULES
from vitreous.backprop.tape.value import Value, apply
from vitreous.errors import ShapeError, UsageError


def test_the_figure_of_the_lecture() -> None:
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    q = x + y
    f = q * z
    f.backward()
    assert float(f.data) == -12
    assert [float(v.gradient) for v in (x, y, z, q, f)] == [-4, -4, 3, -4, 1]  # type: ignore[arg-type]
    assert [float(d) for d in f.local_derivatives()] == [-4, 3]


def test_a_value_used_twice_gets_the_sum_of_both_gradients() -> None:
    x = Value(3.0)
    f = x * x + x * 2
    f.backward()
    assert float(x.gradient) == 8  # type: ignore[arg-type]


def test_every_operator_agrees_with_autograd() -> None:
    def expression(a, b, w):  # type: ignore[no-untyped-def]
        c = (a + b) * a - b / a
        d = 2 * c + 1 - (3 - c) / 2 + 2**a
        e = (w @ a + w @ (-b)) ** 2
        return (d * d).sum() + (1 / (1 + e)).sum() + (w.T @ b).sum()

    tensors = [
        torch.tensor([0.5, 1.5, 2.0], dtype=torch.float64),
        torch.tensor([-0.3, 0.7, 1.1], dtype=torch.float64),
        torch.arange(9, dtype=torch.float64).reshape(3, 3) / 7,
    ]
    leaves = [t.clone().requires_grad_() for t in tensors]
    expected = expression(*leaves)
    gradients = torch.autograd.grad(expected, leaves)
    values = [Value(t) for t in tensors]
    mine = expression(*values)
    mine.backward()
    assert_close(mine.data, expected.detach())
    for value, gradient in zip(values, gradients, strict=True):
        assert value.gradient is not None
        assert_close(value.gradient, gradient, rtol=1e-12, atol=1e-12)


def test_z_is_the_squared_norm_of_wx_plus_b() -> None:
    generator = torch.Generator().manual_seed(1)
    W, x, b = (
        Value(torch.randn(shape, generator=generator), name)
        for name, shape in {"W": (3, 4), "x": (4,), "b": (3,)}.items()
    )
    z = (W @ x + b).norm2()
    z.backward()
    r = W.data @ x.data + b.data
    assert_close(W.gradient, 2 * torch.outer(r, x.data))
    assert_close(b.gradient, 2 * r)
    assert_close(x.gradient, 2 * W.data.T @ r)


def test_numbers_and_arrays_are_constants_without_gradient() -> None:
    x = Value([1.0, 2.0])
    f = (np.array([3.0, 4.0]) * x + torch.tensor(1.0)).sum()
    f.backward()
    assert_close(x.gradient, torch.tensor([3.0, 4.0], dtype=torch.float64))
    constants = [v for v in f.ancestors() if v.constant]
    assert len(constants) == 2
    assert all(v.gradient is None for v in constants)


def test_every_rule_is_a_method() -> None:
    for rule in RULES.values():
        first, *others = rule.samples[0].inputs(rule.kinks)
        value = getattr(Value(first), rule.name)(*others, **rule.samples[0].options)
        assert_close(value.data, rule.forward(first, *others, **rule.samples[0].options))
    with pytest.raises(AttributeError):
        Value(1.0).no_such_rule  # noqa: B018


def test_a_deep_expression_needs_no_deep_stack() -> None:
    x = Value(1.0)
    f = x
    for _ in range(5000):
        f = f + 1
    f.backward()
    assert float(x.gradient) == 1  # type: ignore[arg-type]


def test_errors_say_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"matmul does not fit .*\(2, 3\) and \(2, 3\)"):
        Value(torch.ones(2, 3)) @ Value(torch.ones(2, 3))
    with pytest.raises(ShapeError, match=r"shape \(2,\)"):
        Value([1.0, 2.0]).backward()
    with pytest.raises(UsageError, match="unknown operation 'sigmoidd'"):
        apply("sigmoidd", 1.0)
    with pytest.raises(UsageError, match="takes 2 operands, got 1"):
        apply("add", 1.0)

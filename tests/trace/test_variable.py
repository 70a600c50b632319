"""The inspector of autograd's variables."""

from __future__ import annotations

import torch

from vitreous.trace.variable import variable


def test_a_leaf_has_no_function_and_holds_its_gradient() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert variable(x).gradient is None
    (x * x).sum().backward()
    found = variable(x, "x")
    assert found.leaf
    assert found.grad_fn is None
    assert found.data == [1.0, 2.0]
    assert found.gradient == [2.0, 4.0]
    assert "grad_fn        None" in str(found)


def test_a_result_knows_the_function_that_made_it() -> None:
    x, y = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    product = x * y
    found = variable(product.exp())
    assert not found.leaf
    assert found.grad_fn == "ExpBackward0"
    assert found.inputs == ("MulBackward0",)
    assert variable(product).inputs == ("struct torch::autograd::AccumulateGrad",) * 2 or all(
        "AccumulateGrad" in name for name in variable(product).inputs
    )


def test_the_backward_pass_begins_with_one() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    E = x**3
    E.retain_grad()
    E.backward()
    assert variable(E).gradient == 1.0
    assert variable(x).gradient == 12.0


def test_a_constant_and_a_large_tensor() -> None:
    found = variable(torch.zeros(100, 20))
    assert found.data is None
    assert not found.requires_grad
    assert "100×20" in str(found)
    assert found.to_json()["shape"] == (100, 20)

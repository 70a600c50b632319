"""The gradients of squared error and cross-entropy behind a sigmoid."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from vitreous.labs.saturation import slopes

Z = torch.linspace(-10, 10, 41, dtype=torch.float64)


@pytest.mark.parametrize("target", [0.0, 1.0, 0.3])
def test_both_gradients_are_autograds(target: float) -> None:
    z = Z.clone().requires_grad_()
    o = torch.sigmoid(z)
    y = torch.full_like(z, target)
    (squared,) = torch.autograd.grad((0.5 * (o - y) ** 2).sum(), z, retain_graph=True)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum")
    (crossed,) = torch.autograd.grad(entropy, z)
    found = slopes(Z, target)
    assert_close(found.squared, squared, rtol=1e-10, atol=1e-12)
    assert_close(found.entropy, crossed, rtol=1e-10, atol=1e-12)
    assert_close(found.entropy, torch.sigmoid(Z) - target, rtol=1e-10, atol=1e-12)


def test_the_wronger_the_unit_the_less_the_squared_error_teaches_it() -> None:
    found = slopes(torch.tensor([2.0, 4.0, 8.0]), target=0.0)
    assert bool((found.squared.diff() < 0).all())
    assert bool((found.entropy.diff() > 0).all())
    assert float(found.entropy[-1]) > 0.999
    assert float(found.squared[-1]) < 0.001

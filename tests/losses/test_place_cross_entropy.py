"""Cross-entropy over places against torch's, and against its derivative by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vitreous.backprop.layers import PlaceCrossEntropy
from vitreous.errors import ShapeError
from vitreous.losses import place_cross_entropy

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(3, 2, 4, 5, generator=GENERATOR, dtype=torch.float64)
TARGETS = torch.rand(3, 2, 20, generator=GENERATOR, dtype=torch.float64).softmax(2).view(3, 2, 4, 5)
TARGETS[1, 0] = 0
TARGETS[2] = 0


def test_it_is_torch_s_of_the_points_that_are_known() -> None:
    found = place_cross_entropy(LOGITS, TARGETS, reduction="none")
    both = F.cross_entropy(LOGITS[0].flatten(1), TARGETS[0].flatten(1))
    alone = F.cross_entropy(LOGITS[1, 1:].flatten(1), TARGETS[1, 1:].flatten(1))
    torch.testing.assert_close(found, torch.stack([both, alone, both.new_zeros(())]))
    torch.testing.assert_close(place_cross_entropy(LOGITS, TARGETS), found.mean())


def test_its_least_value_is_at_the_target() -> None:
    logits = TARGETS[:1].log().requires_grad_()
    (gradient,) = torch.autograd.grad(place_cross_entropy(logits, TARGETS[:1]), logits)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


def test_the_derivative_by_hand() -> None:
    leaf = LOGITS.clone().requires_grad_()
    expected = place_cross_entropy(leaf, TARGETS)
    expected.backward()
    loss = PlaceCrossEntropy()
    torch.testing.assert_close(loss.forward(LOGITS, TARGETS), expected.detach())
    torch.testing.assert_close(loss.backward(), leaf.grad)
    assert torch.autograd.gradcheck(lambda x: place_cross_entropy(x, TARGETS), (leaf,))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="do not fit together"):
        place_cross_entropy(LOGITS, TARGETS[:, :1])
    with pytest.raises(ShapeError, match="a map for each point"):
        place_cross_entropy(LOGITS[0], TARGETS[0])

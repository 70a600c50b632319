from __future__ import annotations

import pytest
import torch
from torch import nn

from vitreous.losses.penalty import Penalty, weights_of


def test_the_gradient_of_l2_is_twice_the_weight() -> None:
    w = torch.tensor([[1.0, -2.0, 0.5]], requires_grad=True)
    Penalty(l2=0.1)([w]).backward()
    torch.testing.assert_close(w.grad, 2 * 0.1 * w.detach())


def test_both_norms() -> None:
    weights = [torch.tensor([[1.0, -2.0]], requires_grad=True), torch.tensor([[[3.0]]])]
    value = Penalty(l1=0.1, l2=0.01)(weights)
    assert value.item() == pytest.approx(0.1 * 6 + 0.01 * 14)
    value.backward()
    torch.testing.assert_close(weights[0].grad, torch.tensor([[0.1 + 0.02, -0.1 - 0.04]]))


def test_biases_norms_and_frozen_weights_are_spared() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    assert [id(w) for w in weights_of(model)] == [id(model[0].weight), id(model[3].weight)]
    model[0].requires_grad_(False)
    assert [id(w) for w in weights_of(model)] == [id(model[3].weight)]


def test_nothing_to_penalize() -> None:
    assert Penalty(l1=1.0)([]).item() == 0

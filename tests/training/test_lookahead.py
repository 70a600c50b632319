"""Weights that go back to their slow average, against the recurrence written out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vitreous.training.lookahead import LAST, Lookahead


def layer(value: float) -> nn.Linear:
    made = nn.Linear(1, 1, bias=False)
    nn.init.constant_(made.weight, value)
    return made


def test_weights_return_to_their_average() -> None:
    model = layer(1.0)
    slow = Lookahead(model, 2, lambda number: (number + 1) / 6)
    weight = average = 1.0
    for number in range(6):
        with torch.no_grad():
            model.weight.mul_(1.5)
        slow.update(model, number)
        weight *= 1.5
        if number % 2:
            decay = LAST * ((number + 1) / 6) ** 3
            average = weight = decay * average + (1 - decay) * weight
        assert model.weight.item() == pytest.approx(weight)
        assert slow.values["weight"].item() == pytest.approx(average)


def test_the_average_is_what_is_evaluated_and_resumed() -> None:
    model = layer(1.0)
    slow = Lookahead(model, 2, lambda number: 0.5)
    for number in range(3):
        with torch.no_grad():
            model.weight.add_(1.0)
        slow.update(model, number)
    own, decay = model.weight.item(), LAST / 8
    with slow.applied(model):
        assert model.weight.item() == pytest.approx(decay + 3 * (1 - decay))
    assert model.weight.item() == own == pytest.approx(1 + decay + 3 * (1 - decay))
    again = Lookahead(model, 2, lambda number: 0.5)
    again.load_state_dict(slow.state_dict())
    assert again.steps == slow.steps
    assert torch.equal(again.values["weight"], slow.values["weight"])

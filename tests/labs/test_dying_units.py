"""A unit is dead if no example turns it on."""

from __future__ import annotations

import torch

from vitreous.labs.dying_units import dead
from vitreous.labs.many_networks import Stack


def test_dead_units_are_found_by_hand() -> None:
    weights = [torch.tensor([[[1.0, -1.0, 1.0]]]), torch.ones(1, 3, 1)]
    biases = [torch.tensor([[[0.0, 0.0, -9.0]]]), torch.zeros(1, 1, 1)]
    inputs = torch.tensor([[1.0], [2.0]])
    for act in ("relu", "leaky_relu"):
        found = dead(Stack(weights, biases, act), inputs)
        assert found.tolist() == [[False, True, True]]  # −x and x − 9 are below 0 for both

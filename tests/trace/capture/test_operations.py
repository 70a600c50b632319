"""A forward pass is written down whatever the network's code does without numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vitreous.trace.capture.operations import trace
from vitreous.trace.measure.cost import total

LAYERS = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
WORK = 4 * 36 * 27 + 4 * 36 * 3


class Picky(nn.Module):
    """Fails in a way of its own where tensors have no numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = LAYERS

    def forward(self, images: Tensor) -> Tensor:
        if images.is_meta:
            raise AttributeError("no numbers")
        return self.layers(images)


def test_code_that_needs_numbers_gets_them() -> None:
    assert total(trace(Picky(), (3, 8, 8))).macs == WORK


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_script_is_one_module() -> None:
    """Its parts take no hooks, and its operations are seen all the same."""
    traced = trace(torch.jit.script(LAYERS), (3, 8, 8))
    assert total(traced).macs == WORK
    assert traced.leaves() == {""}

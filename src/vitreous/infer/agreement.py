"""Agreement: does a runtime give the answers of the network, on real images?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vitreous.tasks import Task

PROBABILITY = 1e-2
"""That a probability may differ by; of outputs without probabilities, the share of the largest."""
SAME = 0.999  # share of the answers that have to be the same


@dataclass(frozen=True)
class Agreement:
    """How far outputs agree with those of the network in float32.

    images      that were compared
    difference  the largest between two probabilities, or between two outputs as a share of the
                largest
    same        share of images with the same answer, where answers are right or wrong
    """

    images: int
    difference: float
    same: float = 1.0

    @property
    def holds(self) -> bool:
        return self.difference <= PROBABILITY and self.same >= SAME  # NaN is no agreement

    @property
    def text(self) -> str:
        return f"probabilities differ by {self.difference:.1g}, {self.same:.1%} of answers agree"


def agreement(found: Tensor, expected: Tensor, task: Task | None) -> Agreement:
    """Of outputs (B, ...) for the same images; task: None where they are features."""
    count = len(expected)
    read: Any = None if task is None else task.probabilities
    one, other = (None, None) if read is None else (read(found), read(expected))
    if one is None or other is None or task is None:
        scale = float(expected.abs().max()) or 1.0
        return Agreement(count, float((found - expected).abs().max()) / scale)
    mine, theirs = task.claimed(found) or {}, task.claimed(expected) or {}
    same = torch.ones(count, dtype=torch.bool)
    for name in mine:
        same &= (mine[name] == theirs[name]).reshape(count, -1).all(1)
    return Agreement(count, float((one - other).abs().max()), float(same.float().mean()))

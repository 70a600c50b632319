"""Agreement: does a runtime give the answers of the network, on real images?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vitreous.tasks import Task

PROBABILITY = 1e-2
"""That a probability may differ by; of outputs without probabilities, the share of the largest."""
SAME = 0.999  # share of the answers that have to be the same
ROUNDING, MOST = 1.5, 0.1
"""Where the network's own number format is farther from float32 than that, a runtime may be as many
times as far, up to a share, and give as many other answers: who computes in bfloat16 anyhow gets
nothing worse.
"""


@dataclass(frozen=True)
class Agreement:
    """How far outputs agree with those of the network in float32.

    images      that were compared
    difference  the largest between two probabilities, or between two outputs as a share of the
                largest
    same        share of images with the same answer, where answers are right or wrong
    allowed     of the difference
    least       that has to be the same
    what        is compared
    """

    images: int
    difference: float
    same: float = 1.0
    allowed: float = PROBABILITY
    least: float = SAME
    what: str = "probabilities"

    @property
    def holds(self) -> bool:
        return self.difference <= self.allowed and self.same >= self.least  # NaN: no

    @property
    def text(self) -> str:
        more = "" if self.allowed == PROBABILITY else f", {self.allowed:.2g} allowed"
        if self.what != "probabilities":
            return f"{self.what} differ by {self.difference:.1g} of the largest{more}"
        told = f"{self.same:.1%} of answers agree"
        return f"{self.what} differ by {self.difference:.1g}{more}, {told}"


def agreement(
    found: Tensor,
    expected: Tensor,
    task: Task | None,
    own: Callable[[], Tensor] | None = None,
) -> Agreement:
    """Of outputs (B, ...) for the same images.

    task  None where they are features
    own   gives what the network gives in its own number format
    """
    close = compared(found, expected, task)
    if close.holds or own is None:
        return close
    rounded = compared(own(), expected, task)
    allowed = max(PROBABILITY, min(ROUNDING * rounded.difference, MOST))
    return replace(close, allowed=allowed, least=min(SAME, rounded.same))


def compared(found: Tensor, expected: Tensor, task: Task | None) -> Agreement:
    """How far they are from each other."""
    count = len(expected)
    read: Any = None if task is None else task.probabilities
    one, other = (None, None) if read is None else (read(found), read(expected))
    if one is None or other is None or task is None:
        scale = float(expected.abs().max()) or 1.0
        difference = float((found - expected).abs().max()) / scale
        return Agreement(count, difference, what="features" if task is None else "outputs")
    mine, theirs = task.claimed(found) or {}, task.claimed(expected) or {}
    same = torch.ones(count, dtype=torch.bool)
    for name in mine:
        same &= (mine[name] == theirs[name]).reshape(count, -1).all(1)
    return Agreement(count, float((one - other).abs().max()), float(same.float().mean()))

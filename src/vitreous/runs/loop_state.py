"""Loop state: where training stands, as a checkpoint holds it beside the weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


def nothing() -> Tensor:
    return torch.zeros((), dtype=torch.float64)


@dataclass
class LoopState:
    """Where training stands: what a checkpoint says besides weights.

    phase    number of the current phase; as many as there are when training is done
    step     optimizer steps taken in it
    loss     running sum over the steps of this epoch, kept on the device: reading it would wait
    taken    number of steps summed
    history  one row an epoch
    elapsed  seconds of training, those before a resume included
    """

    phase: int = 0
    step: int = 0
    loss: Tensor = field(default_factory=nothing)
    taken: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    elapsed: float = 0.0

    def add(self, loss: Tensor) -> None:
        """Take in the loss of a step, on its own device."""
        wide = torch.float32 if loss.device.type == "mps" else torch.float64
        self.loss = self.loss.to(loss.device, wide) + loss.to(wide)
        self.taken += 1

    def begin_epoch(self) -> None:
        self.loss, self.taken = nothing(), 0

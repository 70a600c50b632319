"""Loop state: where training stands, as a checkpoint holds it beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
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
    loss     running sum Σ w·l over the examples of this epoch, kept on the device: reading it would
             wait
    weight   Σ w of these examples; their number where they have no weights
    history  one row an epoch
    elapsed  seconds of training, those before a resume included
    """

    phase: int = 0
    step: int = 0
    loss: Tensor = field(default_factory=nothing)
    weight: Tensor | float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    elapsed: float = 0.0

    @classmethod
    def of(cls, saved: Mapping[str, Any], examples: int) -> LoopState:
        """The state that a checkpoint holds.

        examples  of a step: older checkpoints have the sum of the steps' means, and count steps
        """
        fields = dict(saved)
        if "taken" in fields:
            fields["weight"] = float(fields.pop("taken") * examples)
            fields["loss"] = fields["loss"] * examples
        return cls(**fields)

    def add(self, loss: Tensor, weight: Tensor | float) -> None:
        """Take in the mean loss of a step, on its own device, and the weight of its examples."""
        wide = torch.float32 if loss.device.type == "mps" else torch.float64
        weight = weight.to(wide) if isinstance(weight, Tensor) else weight
        self.loss = self.loss.to(loss.device, wide) + loss.to(wide) * weight
        self.weight = self.weight + weight

    @property
    def mean(self) -> float:
        """The mean loss of the examples that this epoch has seen."""
        return float(self.loss) / float(self.weight)

    def begin_epoch(self) -> None:
        self.loss, self.weight = nothing(), 0.0

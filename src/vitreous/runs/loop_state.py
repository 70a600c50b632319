"""Loop state: where training stands, as a checkpoint holds it beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from torch import Tensor

from vitreous.errors import ModelFileError
from vitreous.fields import Between, fits, misfit

Count = Annotated[int, Between(0, 1 << 53)]
KINDS: dict[str, Any] = {
    "phase": Annotated[int, Between(0, 100)],
    "step": Count,
    "loss": Any,
    "weight": Any,
    "history": tuple[dict[str, str | float], ...],
    "elapsed": Annotated[float, Between(0, 1e12)],
}
ROW = {"phase": str, "step": Count, "lr": float}


def whole(row: Mapping[str, Any]) -> bool:
    """Does a row of the history have all that is looked for in it?"""
    scores = (value for name, value in row.items() if name not in ("epoch", *ROW))
    return misfit(row, ROW) is None and all(fits(score, float) for score in scores)


def is_scalar(value: object) -> bool:
    return isinstance(value, Tensor) and value.ndim == 0 and value.is_floating_point()


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

        Raises ModelFileError for anything else.
        """
        fields = {**saved} if isinstance(saved, Mapping) else {}
        steps = fields.pop("taken", None)
        if steps is not None and fits(steps, Count) and isinstance(fields.get("loss"), Tensor):
            fields["weight"] = float(steps * examples)
            fields["loss"] = fields["loss"] * examples
        wrong = misfit(fields, KINDS) or next((name for name in fields if name not in KINDS), None)
        if wrong is None:
            numbered = enumerate(fields.get("history", ()), 1)
            if not all(row.get("epoch") == n and whole(row) for n, row in numbered):
                wrong = "history"
        sums = [fields.get(name) for name in ("loss", "weight")]
        if wrong is not None or not all(isinstance(n, float) or is_scalar(n) for n in sums):
            raise ModelFileError(f"the checkpoint's {wrong or 'loss'} is not one of a run")
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

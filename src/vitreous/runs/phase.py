"""One pass through the training loop: what it trains, how it goes on, and where a run is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vitreous.data.batches.batches import Batch
from vitreous.metrics.scores import Scores
from vitreous.training.average import Average
from vitreous.training.budget import Budget
from vitreous.training.fit import Gradients
from vitreous.training.precision import Precision
from vitreous.training.schedule import Schedule
from vitreous.training.stopping import EarlyStopping


class Supply(Protocol):
    """Batches by epoch: `data.Batches`, or features of a frozen backbone."""

    def __len__(self) -> int: ...

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]: ...


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One pass through the loop.

    name       head or network: what it trains
    network    the module that takes the batches
    validate   scores of the validation part with the network as it is; None without such a part
    epochs     at most
    precision  number format of its forward pass
    gradients  computes them; None is autograd
    call       computes the outputs in training; None is the network itself
    """

    name: str
    network: nn.Module
    batches: Supply
    validate: Callable[[], Scores] | None
    optimizer: Optimizer
    epochs: int
    precision: Precision
    gradients: Gradients | None = None
    call: Callable[[Tensor], Tensor] | None = None


def nothing() -> Tensor:
    return torch.zeros((), dtype=torch.float64)


@dataclass
class Position:
    """Where a run is: what a checkpoint says besides weights.

    phase    number of the phase in hand; as many as there are when learning is done
    step     optimizer steps taken in it
    loss     sum over the steps of the epoch in hand; nobody has read it yet
    taken    how many these are
    history  one row an epoch
    elapsed  seconds of learning, over all sittings
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


@dataclass(frozen=True)
class Plan:
    """How a phase goes on, and what a checkpoint of it holds.

    schedule  of the learning rate; with a time it is settled along the way
    average   of the weights, if there is to be one
    end       seconds of learning that may have passed at its end
    """

    schedule: Schedule | Budget
    stopping: EarlyStopping
    average: Average | None
    end: float
    phase: Phase

    @property
    def parts(self) -> dict[str, Any]:
        """By name, all that has a state."""
        parts: dict[str, Any] = {
            "network": self.phase.network,
            "optimizer": self.phase.optimizer,
            "scaler": self.phase.precision.scaler,
            "stopping": self.stopping,
        }
        if isinstance(self.schedule, Budget):
            parts["budget"] = self.schedule
        if self.average is not None:
            parts["average"] = self.average
        return parts

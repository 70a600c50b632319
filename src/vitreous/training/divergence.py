"""Divergence guard: notices a loss that is no longer a number, without making a GPU wait."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vitreous.errors import DivergedError

INTERVAL = 20  # steps between two checks of a loss that lies on another device
ZERO = torch.zeros(())


class DivergenceGuard:
    """A running sum of the quantities that must stay numbers.

    One that is infinite or no number makes the sum so for good, hence it is enough to read the sum
    now and then. On a CPU reading costs nothing, and each step is checked before it is taken.
    """

    def __init__(self) -> None:
        self.total = ZERO
        self.steps = 0
        self.number, self.lr = 0, 0.0

    def add(self, quantity: Tensor) -> None:
        self.total = quantity.detach() if self.total is ZERO else self.total + quantity.detach()

    def step(self, number: int, lr: float) -> None:
        """Number the step about to be taken, and check the sum if it is time."""
        self.number, self.lr = number, lr
        self.steps += 1
        if self.total.device.type == "cpu" or self.steps % INTERVAL == 0:
            self.check()

    def check(self) -> None:
        """Read the sum and start a new one. Raises DivergedError if it is not finite."""
        found, self.total = float(self.total), ZERO
        if not math.isfinite(found):
            raise DivergedError(
                f"the loss is no longer a number: {found} at step {self.number}, "
                f"with learning rate {self.lr:.3g}",
                where=f"step {self.number}",
                remedy="Lower the learning rate (--lr), or bound the gradient (--clip 1).",
            )

"""Early stopping that gives back the best weights, and not those that patience ended with.

Prechelt (1998), "Early stopping - but when?".
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from vitreous.fields import misfit

KINDS = {"looks": int, "best_look": int, "best_score": float}
"""Of the numbers in a state."""


class EarlyStopping:
    """Remembers the best weights, and says when enough epochs have brought nothing better.

        if stopping.observe(score, model):      # after each epoch
            break
        ...
        stopping.restore(model)

    patience  epochs without an improvement that end training; None never ends it, but the best
              weights are kept all the same
    least     the smallest gain that counts as one

    A higher score is better. A tie is no improvement: the earlier weights stay. A score that is
    no number never is one.
    """

    def __init__(self, patience: int | None = None, least: float = 0.0):
        self.patience = patience
        self.least = least
        self.epochs = 0
        self.best_epoch = 0
        self.best_score = -math.inf
        self.weights: dict[str, Tensor] = {}

    def observe(self, score: float, model: nn.Module) -> bool:
        """Take in one score with the weights that it belongs to; is it time to stop?"""
        self.epochs += 1
        if score > self.best_score + (self.least if self.weights else 0.0):
            self.best_score, self.best_epoch = float(score), self.epochs
            self.weights = {name: t.detach().clone() for name, t in model.state_dict().items()}
        return self.exhausted

    @property
    def improved(self) -> bool:
        """Was the latest epoch the best?"""
        return self.epochs > 0 and self.best_epoch == self.epochs

    @property
    def exhausted(self) -> bool:
        return self.patience is not None and self.epochs - self.best_epoch >= self.patience

    def restore(self, model: nn.Module) -> None:
        """Give the model the best weights seen; without any it keeps its own."""
        if self.weights:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {
            "looks": self.epochs,  # named as in checkpoints of before
            "best_look": self.best_epoch,
            "best_score": self.best_score,
            "weights": dict(self.weights),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError for anything that `state_dict` does not give."""
        if wrong := misfit(state, KINDS):
            raise ValueError(f"{wrong} is {state.get(wrong)!r:.80}")
        self.epochs = state["looks"]
        self.best_epoch = state["best_look"]
        self.best_score = state["best_score"]
        self.weights = dict(state["weights"])

"""Reduction of a loss: from one number an example to their (weighted) mean."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Reduction = Literal["none", "mean"]


def reduced(losses: Tensor, reduction: Reduction, weights: Tensor | None = None) -> Tensor:
    """The losses (B,) themselves, or their sum over the sum of the weights (B,)."""
    if reduction == "none":
        return losses
    return losses.mean() if weights is None else losses.sum() / weights.sum()

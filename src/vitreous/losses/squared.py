"""Squared error: what a Gaussian around the prediction makes of maximum likelihood.

l = 1/K · Σ_k (y_k - t_k)², and its minimum is the mean. Twice the distance costs four times as
much, so that a few wild targets decide; see `absolute_error` and `huber`.
"""

from __future__ import annotations

from torch import Tensor

from vitreous.losses.deviation import deviations
from vitreous.losses.reduction import Reduction, reduced


def squared_error(predictions: Tensor, targets: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """The squared error of predictions (B, K), the mean over the K numbers of each example.

    targets    of the same shape
    reduction  "none" gives (B,)

    Raises ShapeError if the shapes differ.
    """
    return reduced(deviations(predictions, targets).square().mean(1), reduction)

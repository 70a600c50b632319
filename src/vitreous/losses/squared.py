"""The squared error: what a Gaussian around the prediction makes of maximum likelihood.

l = 1/K · Σ_k (y_k - t_k)²
"""

from __future__ import annotations

from torch import Tensor

from vitreous.losses.reduction import Reduction, reduced


def squared_error(predictions: Tensor, targets: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """The squared error of predictions (B, K), the mean over the K numbers of each example.

    reduction  "none" gives (B,)
    """
    errors = (predictions - targets).square()
    return reduced(errors.flatten(1).mean(1), reduction)

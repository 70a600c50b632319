"""Absolute error: every unit of distance costs the same, so that wild targets do not decide.

l = 1/K · Σ_k |y_k - t_k|, and its minimum is the median. Its gradient is as large near the target
as far from it; see `huber`.
"""

from __future__ import annotations

from torch import Tensor

from vitreous.losses.deviation import deviations
from vitreous.losses.reduction import Reduction, reduced


def absolute_error(
    predictions: Tensor, targets: Tensor, *, reduction: Reduction = "mean"
) -> Tensor:
    """The absolute error of predictions (B, K), the mean over the K numbers of each example.

    targets    of the same shape
    reduction  "none" gives (B,)

    Raises ShapeError if the shapes differ.
    """
    return reduced(deviations(predictions, targets).abs().mean(1), reduction)

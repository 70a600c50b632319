"""Huber loss: the squared error near the target, the absolute error far from it.

    l = 1/K · Σ_k h(y_k - t_k),   h(d) = d²/2  where |d| <= δ,  else  δ · (|d| - δ/2)

The gradient is the distance, but never more than δ. Divided by δ it is the smooth L1 loss, by which
boxes are learned. Huber (1964), "Robust estimation of a location parameter"; Girshick (2015), "Fast
R-CNN", arXiv:1504.08083, section 2.3.
"""

from __future__ import annotations

from torch import Tensor

from vitreous.errors import UsageError
from vitreous.losses.deviation import deviations
from vitreous.losses.reduction import Reduction, reduced


def huber(
    predictions: Tensor,
    targets: Tensor,
    *,
    delta: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """The Huber loss of predictions (B, K), the mean over the K numbers of each example.

    targets    of the same shape
    delta      above 0, in the unit of the numbers: from there on distance counts linearly
    reduction  "none" gives (B,)

    Raises ShapeError if the shapes differ, UsageError for a delta that is not above 0.
    """
    if not delta > 0:
        raise UsageError(f"{delta} is no distance", where="delta", remedy="Give more than 0.")
    distance = deviations(predictions, targets).abs()
    near = distance.clamp_max(delta)
    return reduced((near * (distance - near / 2)).mean(1), reduction)


def smooth_l1(
    predictions: Tensor,
    targets: Tensor,
    *,
    delta: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """The Huber loss divided by δ, with a gradient of at most 1; the arguments are `huber`'s."""
    return huber(predictions, targets, delta=delta, reduction=reduction) / delta

"""The scale-invariant loss of depth: what is judged is the shape of a scene more than its size.

    l = mean d² - λ (mean d)²,   d = ln depth - ln true depth

With λ = 1 a factor on all of the depths costs nothing, with λ = 0 it is the squared error.
Eigen, Puhrsch and Fergus (2014), "Depth map prediction from a single image using a multi-scale deep
network", arXiv:1406.2283, equation 4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.errors import ShapeError, UsageError
from vitreous.losses.reduction import Reduction, reduced

LAMBDA = 0.5  # as in the paper


def scale_invariant(
    logs: Tensor, targets: Tensor, *, share: float = LAMBDA, reduction: Reduction = "mean"
) -> Tensor:
    """The loss of logarithms of depths, (B, ...) each.

    targets    of the same shape; NaN where no depth is known, which counts nowhere
    share      λ in [0, 1]
    reduction  "none" gives (B,)

    Raises ShapeError if the shapes differ, UsageError for another λ.
    """
    if logs.shape != targets.shape:
        raise ShapeError(f"logarithms {tuple(logs.shape)} and targets {tuple(targets.shape)}")
    if not 0 <= share <= 1:
        raise UsageError(f"λ = {share}", where="share", remedy="Give a number from 0 to 1.")
    known = torch.isfinite(targets)
    # Before the difference: what is no number would become the gradient of what is known.
    d = (logs - targets.where(known, logs.detach())).where(known, 0).flatten(1)
    count = known.flatten(1).sum(1).clamp_min(1)
    mean = d.sum(1) / count
    return reduced(d.square().sum(1) / count - share * mean.square(), reduction)

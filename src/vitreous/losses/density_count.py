"""The loss of densities: each pixel's error, and that of the sum, which is what is counted.

    l = mean (d - t)² + λ h((Σ d - Σ t) / (Σ t + 1))

h is the smooth L1 loss. Pixels alone leave the sum to chance: a little too much everywhere is cheap
and adds up.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.losses.huber import smooth_l1
from vitreous.losses.reduction import Reduction, reduced
from vitreous.losses.squared import squared_error

SHARE = 0.1  # λ


def squared_count(
    densities: Tensor, targets: Tensor, *, scale: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """The loss of densities (B, L, H, W).

    targets    of the same shape
    scale      the densities are those of things times this, so a sum over it is a count
    reduction  "none" gives (B,)

    Raises ShapeError if the shapes differ.
    """
    pixels = squared_error(densities, targets, reduction="none")
    counts = targets.sum((2, 3)) / scale
    relative = (densities - targets).sum((2, 3)) / scale / (counts + 1)
    counted = smooth_l1(relative, torch.zeros_like(relative), reduction="none")
    return reduced(pixels + SHARE * counted, reduction)

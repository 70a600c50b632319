"""Reduction of losses: from one a pixel to one an image, from one an example to one number."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Reduction = Literal["none", "mean"]


def reduced(losses: Tensor, reduction: Reduction, weights: Tensor | None = None) -> Tensor:
    """The losses (B,) themselves, or their sum over the sum of the weights (B,).

    Where nothing has a weight there is nothing to learn from, and the mean is 0.
    """
    if reduction == "none":
        return losses
    if weights is None:
        return losses.mean()
    total = weights.sum()
    return losses.sum() / torch.where(total > 0, total, 1)


def image_means(values: Tensor, counted: Tensor | None) -> Tensor:
    """(B,) the mean of what counts in each image; 0 for an image in which nothing does.

    values   (B,) or (B, H, W)
    counted  of the same shape, bool; None is everything
    """
    if values.ndim == 1:
        return values if counted is None else values.where(counted, 0)
    if counted is None:
        return values.flatten(1).mean(1)
    return values.where(counted, 0).flatten(1).sum(1) / counted.flatten(1).sum(1).clamp_min(1)

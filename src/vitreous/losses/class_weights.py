"""Weights against unequal classes, from their counts in the training part."""

from __future__ import annotations

import torch
from torch import Tensor


def class_weights(counts: Tensor) -> Tensor:
    """(L,) N / (L · n_c): each class weighs the same in all, and the mean over examples is 1.

    counts  (L,) training examples of each class; a class without any gets weight 0
    """
    counts = counts.to(torch.float64)
    present = int((counts > 0).sum())
    weights = counts.sum() / (present * counts)
    return weights.where(counts > 0, 0.0).float()


def positive_weights(counts: Tensor, examples: int, limit: float = 100.0) -> Tensor:
    """(L,) negatives over positives of each label, at most `limit`.

    counts    (L,) training examples to which each label applies
    examples  the size of the training part
    """
    counts = counts.to(torch.float64)
    return ((examples - counts) / counts.clamp_min(1)).clamp(1 / limit, limit).float()

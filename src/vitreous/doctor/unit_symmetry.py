"""Symmetry and freshness of weights: units that are copies of each other, values never trained.

Units with equal weights get equal gradients, and stay equal for ever: a layer of them is worth one
unit. Values that were drawn and not trained since are uniform or normal; training makes their
tails heavier.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 200  # values, below which a distribution does not tell


def symmetric(weight: Tensor, gradient: Tensor | None) -> bool:
    """Have all units (rows) of a layer the same weights, and the same gradient?"""
    if len(weight) < 2 or gradient is None:
        return False
    return _equal_rows(weight.detach()) and _equal_rows(gradient)


def _equal_rows(values: Tensor) -> bool:
    rows = values.flatten(1)
    return bool((rows - rows[:1]).abs().max() <= 1e-6 * rows.abs().max())


def looks_drawn(weight: Tensor) -> bool:
    """Has it the kurtosis of a uniform or a normal distribution?"""
    values = weight.detach().float().flatten()
    if len(values) < LEAST:
        return False
    centered = values - values.mean()
    variance = float(centered.square().mean())
    if not variance:
        return True
    excess = float(centered.pow(4).mean()) / variance**2 - 3
    slack = 5 * (24 / len(values)) ** 0.5
    return bool(abs(excess + 1.2) < max(0.1, slack / 2) or abs(excess) < max(0.15, slack))


def shrinking(update: Tensor, weight: Tensor) -> float:
    """Cosine of an update and of the way to zero."""
    sizes = torch.linalg.vector_norm(update) * torch.linalg.vector_norm(weight)
    return float(-(update * weight).sum() / sizes) if float(sizes) else 0.0

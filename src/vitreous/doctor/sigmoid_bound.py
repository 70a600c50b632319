"""Bound of sigmoids: how much of a gradient they can let through, whatever the data.

The slope of a sigmoid is at most a quarter, so through L layers of weights W with sigmoids between
them, of the gradients δ at their outputs

    |δ_1| <= 0.25^(L-1) · Π ||W_k|| · |δ_L|,   k = 2 .. L

with ||W|| the largest factor by which W lengthens a vector. ReLU has slopes of 0 and 1, and no such
bound. Hochreiter (1991); Glorot & Bengio (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

SLOPE = 0.25  # of a sigmoid, at most
ROUNDS = 30  # of the power iteration
LOW = 1.05  # its norm may be lower than the true one by so much


def sigmoid_bound(weights: Sequence[Tensor]) -> float | None:
    """The factor before |δ_L|; None of fewer than two layers, or of others than dense ones.

    weights  (K, J) of each layer, the first to the last
    """
    if len(weights) < 2 or any(weight.ndim != 2 for weight in weights):
        return None
    return float(SLOPE ** (len(weights) - 1) * prod(LOW * longest(w) for w in weights[1:]))


def longest(weight: Tensor) -> float:
    """The largest factor by which a matrix (K, J) lengthens a vector, by power iteration."""
    matrix = weight.detach().double()
    vector = torch.linspace(1, 2, matrix.shape[1], dtype=torch.float64, device=matrix.device)
    for _ in range(ROUNDS):
        vector = matrix.T @ (matrix @ (vector / vector.norm().clamp_min(1e-300)))
    return float(vector.norm().sqrt())

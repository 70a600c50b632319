"""Embedding by PCA: points in many dimensions, seen along their two principal components.

What a hidden layer makes of the examples is a cloud in as many dimensions as it has units. Turned
so that its two longest axes lie in the picture, it shows whether the layer pulls the classes apart.
Pearson (1901), "On lines and planes of closest fit"; Hotelling (1933).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitreous.errors import UsageError

DIMENSIONS = 2


@dataclass(frozen=True, eq=False)
class Embedding:
    """A cloud of points as a picture.

    places  (N, 2) coordinates along the two axes, around the mean
    axes    (D, 2) the directions of largest variance, orthonormal; zeros where there is none
    shares  (2,) of the total variance that each axis keeps
    """

    places: Tensor
    axes: Tensor
    shares: Tensor


def embed(values: Tensor, *, like: Tensor | None = None) -> Embedding:
    """Values (N, D) along their first two principal components.

    like  axes (D, 2) of an earlier picture: signs are chosen so that the new axes point the same
          way, and a film does not flip. Without it, the largest entry of each axis is positive.

    Raises UsageError if the values are no table of finite numbers.
    """
    if values.dim() != 2 or not len(values) or not bool(values.isfinite().all()):
        raise UsageError(
            f"values of shape {tuple(values.shape)} cannot be embedded",
            remedy="Give finite numbers (N, D): an example a row.",
        )
    centered = values.double() - values.double().mean(dim=0)
    _, sizes, rows = torch.linalg.svd(centered, full_matrices=False)
    count = min(DIMENSIONS, len(rows))
    axes = values.new_zeros(values.shape[1], DIMENSIONS, dtype=torch.float64)
    # What is left of a layer of constants is rounding, which has no direction.
    there = sizes[:count] > 1e-12 * centered.abs().max().clamp(min=1.0)
    axes[:, :count] = torch.where(there, rows[:count].T, 0.0)

    if like is not None and like.shape == axes.shape:
        against = (axes * like.double()).sum(dim=0)
    else:
        against = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))[0]
    axes = torch.where(against < 0, -axes, axes)

    shares = torch.zeros(DIMENSIONS, dtype=torch.float64)
    shares[:count] = sizes[:count].square() / sizes.square().sum().clamp(min=1e-300)
    return Embedding(centered @ axes, axes, shares)

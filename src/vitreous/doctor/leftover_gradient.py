"""Leftover gradient: is the gradient of the step before still in this one's (no zero_grad)?

A step's `.grad` should be what its own backward passes have added. It is written as
a · own + b · before, by least squares: clipping scales both alike, and b / a is 1 where the old
gradient was never zeroed, and 0 where it was.
"""

from __future__ import annotations

import torch
from torch import Tensor

EXPLAINED = 0.05  # the fit must leave no more than this share of the gradient


def leftover(gradient: Tensor, own: Tensor, before: Tensor) -> float | None:
    """b / a; None where it cannot be told, such as where both point the same way.

    gradient  as the optimizer finds it; own: the sum of the backward passes since its last step;
    before    as it was at that last step
    """
    columns = torch.stack([own.flatten(), before.flatten()], 1).double()
    sizes = columns.norm(dim=0)
    if not bool((sizes > 0).all()) or not bool(torch.isfinite(columns).all()):
        return None
    if abs(float(columns[:, 0] @ columns[:, 1] / sizes.prod())) > 0.999:
        return None
    found = gradient.flatten().double()
    factors = torch.linalg.lstsq(columns, found[:, None]).solution[:, 0]
    left = float((columns @ factors - found).norm() / found.norm().clamp_min(1e-30))
    if left > EXPLAINED or not float(factors[0]):
        return None
    return float(factors[1] / factors[0])

"""Leftover gradient: is the gradient of the step before still in this one's (no zero_grad)?

A step's `.grad` should be what its own backward passes have added. It is written as
a · own + b · before, by least squares: clipping scales both alike, and b / a is 1 where the old
gradient was never zeroed, and 0 where it was.
"""

from __future__ import annotations

from torch import Tensor

from vitreous.doctor.least_squares import fitted

EXPLAINED = 0.05  # the fit must leave no more than this share of the gradient


def leftover(gradient: Tensor, own: Tensor, before: Tensor) -> float | None:
    """b / a; None where it cannot be told, such as where both point the same way.

    gradient  as the optimizer finds it; own: the sum of the backward passes since its last step;
    before    as it was at that last step
    """
    sizes = float(own.norm()) * float(before.norm())
    if not 0 < sizes < float("inf"):
        return None
    if abs(float((own.double() * before.double()).sum()) / sizes) > 0.999:
        return None
    (fresh, old), left = fitted(gradient, (own, before))
    if left > EXPLAINED or not fresh:
        return None
    return old / fresh

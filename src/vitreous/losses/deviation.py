"""How far predictions are from their targets, number by number: for the losses of regression."""

from __future__ import annotations

from torch import Tensor

from vitreous.errors import ShapeError


def deviations(predictions: Tensor, targets: Tensor) -> Tensor:
    """(B, K) predictions minus targets, which have any number of axes behind the first.

    Raises ShapeError if the shapes differ: torch would spread (B, 1) and (B,) over (B, B).
    """
    if predictions.shape != targets.shape or predictions.ndim < 2:
        raise ShapeError(
            f"predictions {tuple(predictions.shape)} and targets {tuple(targets.shape)} do not fit "
            "together",
            where="targets",
            remedy="Give both as (B, K), K numbers for each example.",
        )
    return (predictions - targets).flatten(1)

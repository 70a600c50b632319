"""Masked loss: the squared error of what was hidden, and of nothing else.

    l = Σ_{hidden} (y - x)² / (C · hidden pixels)

What a network is shown it could copy; He et al. (2022), "Masked autoencoders are scalable vision
learners", arXiv:2111.06377, section 3, leave it out as well.
"""

from __future__ import annotations

from torch import Tensor

from vitreous.errors import ShapeError
from vitreous.losses.reduction import Reduction, reduced


def hidden_error(
    outputs: Tensor, pictures: Tensor, hidden: Tensor, *, reduction: Reduction = "mean"
) -> Tensor:
    """The mean over the hidden pixels of each image; "none" gives (B,), 0 where nothing is hidden.

    outputs, pictures  (B, C, H, W)
    hidden             (B, H, W) bool

    Raises ShapeError where they do not fit together.
    """
    batch, _, height, width = pictures.shape
    if outputs.shape != pictures.shape or hidden.shape != (batch, height, width):
        raise ShapeError(
            f"outputs {tuple(outputs.shape)}, pictures {tuple(pictures.shape)} and what is hidden "
            f"{tuple(hidden.shape)} do not fit together",
            where="targets",
            remedy="Give (B, C, H, W) twice, and (B, H, W).",
        )
    errors = (outputs - pictures).square().mean(1).where(hidden, 0).flatten(1).sum(1)
    return reduced(errors / hidden.flatten(1).sum(1).clamp_min(1), reduction)

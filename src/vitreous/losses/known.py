"""A loss over what is known: targets that are missing (NaN) are left out of its mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def known_loss(loss: Callable[..., Tensor], outputs: Tensor, wanted: Tensor) -> Tensor:
    """(B,) a loss that is a mean over pixels, over those with a known target alone.

    loss             from losses/, which gives one number an image with reduction="none"
    outputs, wanted  (B, C, H, W), NaN where nothing is known
    """
    known = torch.isfinite(wanted)
    filled = wanted.where(known, outputs.detach()).to(outputs.dtype)
    share = known.flatten(1).sum(1) / known[0].numel()
    return loss(outputs, filled, reduction="none") / share.clamp_min(1 / known[0].numel())

"""Sensitivity: how much a map changes when its image is changed by less than the eye sees.

    max over |δ| <= r of ‖Φ(x + δ) - Φ(x)‖ / ‖Φ(x)‖

Yeh et al. (2019), "On the (in)fidelity and sensitivity of explanations", arXiv:1901.09392.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vitreous.shapes import Heatmaps, Images

RADIUS = 0.02  # of the range of pixels: about five of 255 levels


def max_sensitivity(
    explain: Callable[[Images], Heatmaps],
    images: Images,
    *,
    radius: float = RADIUS,
    tries: int = 5,
    seed: int = 0,
) -> Tensor:
    """(B,) the largest relative change of each map over random changes of its image.

    explain  from images to maps (B, H, W), of a fixed target
    radius   largest change of a pixel, in [0, 1]

    A map of zeros that stays one has not changed; one that appears has changed without bound.
    """
    generator = torch.Generator().manual_seed(seed)
    own = explain(images).flatten(1).double()
    size = own.norm(dim=1)
    worst = torch.zeros_like(size)
    for _ in range(tries):
        noise = (2 * torch.rand(images.shape[1:], generator=generator) - 1) * radius
        moved = explain(images + noise.to(images)).flatten(1).double()
        change = (moved - own).norm(dim=1)
        worst = torch.maximum(worst, torch.where(change > 0, change / size, 0))
    return worst

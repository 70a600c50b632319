"""SmoothGrad: the mean saliency of an image under noise, in which the gradient's own noise fades.

    S = max_c | mean_n ∂y / ∂x_c (x + n) |,   n ~ N(0, σ²)

Smilkov et al. (2017), "SmoothGrad: removing noise by adding noise", arXiv:1706.03825.
"""

from __future__ import annotations

import torch
from torch import nn

from vitreous.explain.layer_gradients import pixel_gradients
from vitreous.explain.target import Target, scalar_of
from vitreous.shapes import Heatmaps, Images

SIGMA = 0.15  # of the range of pixels: the paper recommends 10 to 20 %


def smoothgrad(
    model: nn.Module,
    images: Images,
    target: Target = None,
    *,
    samples: int = 25,
    sigma: float = SIGMA,
    seed: int = 0,
) -> Heatmaps:
    """(B, H, W), not negative.

    images   (B, C, H, W) in [0, 1]
    samples  noisy copies of each image; all images get the same noise
    sigma    its deviation, in [0, 1]

    Raises ModelError for a network without gradients, UsageError for an unknown target.
    """
    scalar = scalar_of(model, images, target)
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros((), device=images.device)
    for _ in range(samples):
        noise = sigma * torch.randn(images.shape[1:], generator=generator)
        total = total + pixel_gradients(model, images + noise.to(images), scalar)
    return (total / samples).abs().amax(1)

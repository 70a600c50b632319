"""Integrated gradients: the difference to a baseline, divided among the pixels without remainder.

    A = Σ_c (x_c - x'_c) ∫_0^1 ∂y / ∂x_c (x' + α (x - x')) dα

Completeness: the sum over all pixels is y(x) - y(x'). The integral is computed by Gauss-Legendre
quadrature, so that it holds but for what lies between the points.
Sundararajan et al. (2017), "Axiomatic attribution for deep networks", arXiv:1703.01365.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from vitreous.explain.layer_gradients import pixel_gradients
from vitreous.explain.target import Target, scalar_of
from vitreous.shapes import Heatmaps, Images

STEPS = 50


def integrated_gradients(
    model: nn.Module,
    images: Images,
    target: Target = None,
    *,
    baseline: float | Tensor = 0.0,
    steps: int = STEPS,
) -> Heatmaps:
    """(B, H, W), of either sign; the sum of each map is y(image) - y(baseline).

    images    (B, C, H, W) in [0, 1]
    baseline  what stands for "nothing there": black, another gray, or images like these. Pixels
              that equal it get nothing
    steps     points on the way from it to the image

    Raises ModelError for a network without gradients, UsageError for an unknown target.
    """
    scalar = scalar_of(model, images, target)
    start = torch.as_tensor(baseline, dtype=images.dtype, device=images.device).expand_as(images)
    points, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros((), device=images.device)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        along = start + float(point) * (images - start)
        total = total + float(weight) * pixel_gradients(model, along, scalar)
    return ((images - start).to(total) * total).sum(1)

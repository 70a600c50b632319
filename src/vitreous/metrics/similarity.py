"""PSNR and SSIM: how near a restored picture is to the clean one.

    PSNR = 10 log₁₀ (1 / mean (x - y)²)                                   in decibels

SSIM compares means, deviations and correlation within windows of 11 × 11 pixels, weighted by a
Gaussian of deviation 1.5; its mean over all windows that lie within the picture, and over the
channels, is 1 for equal pictures.

Wang, Bovik, Sheikh and Simoncelli (2004), "Image quality assessment: from error visibility to
structural similarity". The settings are theirs; those of scikit-image for the same are
gaussian_weights=True, sigma=1.5, use_sample_covariance=False.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.errors import ShapeError

DEVIATION, RADIUS = 1.5, 5  # of the window, in pixels
K1, K2 = 0.01, 0.03
FINEST = 1 / 12 / 255**2  # mean square of what is lost when gray levels are rounded


def psnr(answer: Tensor, truth: Tensor) -> float:
    """In decibels, of pictures (C, h, w) in [0, 1]. What is nearer than whole gray levels tell
    counts as 58.9 dB, so that a perfect copy has a number, too.
    """
    _check(answer, truth)
    error = float((answer.double() - truth.double()).square().mean())
    return 10 * math.log10(1 / max(error, FINEST))


def ssim(answer: Tensor, truth: Tensor) -> float:
    """Of pictures (C, h, w) in [0, 1]; NaN where no window fits in."""
    _check(answer, truth)
    if min(answer.shape[1:]) < 2 * RADIUS + 1:
        return math.nan
    x, y = answer.double()[:, None], truth.double()[:, None]
    stack = torch.cat([x, y, x * x, y * y, x * y])
    mean_x, mean_y, square_x, square_y, product = _windows(stack).chunk(5)
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    covariance = product - mean_x * mean_y
    c1, c2 = K1**2, K2**2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return float(likeness.mean())


def _windows(maps: Tensor) -> Tensor:
    """Weighted means over the windows of maps (N, 1, h, w), (N, 1, h - 10, w - 10)."""
    places = torch.arange(-RADIUS, RADIUS + 1, dtype=maps.dtype, device=maps.device)
    weights = torch.exp(-places.square() / (2 * DEVIATION**2))
    weights /= weights.sum()
    down = F.conv2d(maps, weights[None, None, :, None])
    return F.conv2d(down, weights[None, None, None, :])


def _check(answer: Tensor, truth: Tensor) -> None:
    if answer.shape != truth.shape or answer.ndim != 3:
        raise ShapeError(
            f"pictures of {tuple(answer.shape)} and {tuple(truth.shape)}",
            remedy="Give both as (C, h, w).",
        )

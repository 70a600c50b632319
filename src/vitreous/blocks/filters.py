"""Filters designed by hand (Sobel, Gabor, derivatives of a Gaussian); convolution, correlation.

    correlation  (I ⋆ K)(r, c) = Σ_u Σ_v  I(r + u, c + v) K(u, v)        what a network computes
    convolution  (I ∗ K)(r, c) = Σ_u Σ_v  I(r - u, c - v) K(u, v)        the same, kernel flipped

A layer called "convolution" correlates; since its kernel is learned, the flip does not matter.
With a designed kernel it does: the sign of every odd filter depends on it.
Prewitt (1970); Sobel and Feldman (1968); Gabor (1946), Daugman (1985), doi:10.1364/JOSAA.2.001160;
Koenderink and van Doorn (1987), "Representation of local geometry in the visual system".
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.errors import UsageError, unknown
from vitreous.shapes import Images

Padding = Literal["none", "half", "full"]


def padding(kernel: int, how: Padding) -> int:
    """Pixels added to each side. An image of n pixels becomes n - k + 1 with none, n with half
    (odd k), n + k - 1 with full: each place where the kernel fits, is centered, or touches.
    """
    sizes = {"none": 0, "half": kernel // 2, "full": kernel - 1}
    if how not in sizes:
        raise unknown("padding", how, sizes)
    if how == "half" and kernel % 2 == 0:
        raise UsageError(
            f"a kernel of {kernel} pixels has no center",
            where="padding",
            remedy="Use an odd kernel, or the padding none or full.",
        )
    return sizes[how]


def correlate(images: Images, kernel: Tensor, how: Padding = "none") -> Tensor:
    """Slide one kernel over each channel: (B, C, H, W) and (k, l) to (B, C, H', W')."""
    channels = images.shape[1]
    weight = kernel.to(images)[None, None].expand(channels, 1, *kernel.shape)
    pads = (padding(kernel.shape[0], how), padding(kernel.shape[1], how))
    return F.conv2d(images, weight, padding=pads, groups=channels)


def convolve(images: Images, kernel: Tensor, how: Padding = "none") -> Tensor:
    """The same with the kernel flipped in both directions."""
    return correlate(images, kernel.flip(0, 1), how)


def prewitt(axis: Literal["x", "y"] = "x") -> Tensor:
    """(3, 3) difference along one axis, mean along the other."""
    return _edge((1.0, 1.0, 1.0), axis)


def sobel(axis: Literal["x", "y"] = "x") -> Tensor:
    """(3, 3) difference along one axis, binomial smoothing along the other."""
    return _edge((1.0, 2.0, 1.0), axis)


def _edge(smooth: tuple[float, float, float], axis: str) -> Tensor:
    if axis not in ("x", "y"):
        raise unknown("axis", axis, ("x", "y"))
    kernel = torch.outer(torch.tensor(smooth), torch.tensor((-1.0, 0.0, 1.0)))
    return kernel if axis == "x" else kernel.T


def gabor(
    size: int, wavelength: float, angle: float = 0.0, sigma: float | None = None
) -> tuple[Tensor, Tensor]:
    """A wave under a Gaussian window: what simple cells of the visual cortex respond to.

        K(m, n) = 1/(2πσ²) · exp(-(m² + n²)/(2σ²)) · exp(2πi (m cos θ + n sin θ)/λ)

    size        side of the kernel, odd, in pixels
    wavelength  λ, in pixels
    angle       θ of the wave's direction, in degrees from the x axis towards the y axis
    sigma       of the window, in pixels; default: λ / 2

    Returns the real (even) and the imaginary (odd) part, each (size, size), indexed by (n, m).
    """
    if size % 2 == 0 or size < 1:
        raise UsageError(f"a kernel of {size} pixels has no center", remedy="Use an odd size.")
    sigma = wavelength / 2 if sigma is None else sigma
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    n, m = torch.meshgrid(axis, axis, indexing="ij")
    window = torch.exp(-(m**2 + n**2) / (2 * sigma**2)) / (2 * math.pi * sigma**2)
    theta = math.radians(angle)
    phase = 2 * math.pi * (m * math.cos(theta) + n * math.sin(theta)) / wavelength
    return (window * phase.cos()).float(), (window * phase.sin()).float()


def derivatives(size: int, sigma: float, order: int = 2) -> dict[str, Tensor]:
    """Derivatives of a Gaussian up to an order, by name ("", "x", "y", "xx", "xy", "yy"): as
    correlation kernels they measure the derivatives of the smoothed image.

    size, sigma  of the kernel and the Gaussian, in pixels
    order        0, 1 or 2
    """
    if order not in (0, 1, 2):
        raise UsageError(f"derivatives of order {order}", remedy="Give 0, 1 or 2.")
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    gauss = torch.exp(-(axis**2) / (2 * sigma**2))
    gauss = gauss / gauss.sum()
    # As a correlation kernel, each is normalized to be exact on the monomial that it measures.
    slope = axis * gauss
    slope = slope / (slope * axis).sum()
    bend = (axis**2 / sigma**2 - 1) * gauss
    bend = bend - gauss * bend.sum()
    bend = 2 * bend / (bend * axis**2).sum()
    along = (gauss, slope, bend)
    return {
        "x" * i + "y" * j: torch.outer(along[j], along[i]).float()
        for total in range(order + 1)
        for i in range(total, -1, -1)
        for j in (total - i,)
    }

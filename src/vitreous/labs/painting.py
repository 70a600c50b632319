"""Gaussian splatting: a photo as a sum of many Gaussians, found by gradients derived by hand.

What `splat` does for one gray Gaussian, with a color and a direction for each. Gaussians are added
up, not laid over each other: Kerbl et al. (2023), "3D Gaussian splatting for real-time radiance
field rendering", arXiv:2308.04079, sort them by depth and blend them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from vitreous.atomic import replacing
from vitreous.errors import UsageError
from vitreous.labs.splat import descend, pixels


@dataclass(frozen=True)
class Painting:
    """N Gaussians in color. The picture is their plain sum: Σ color exp(−‖L (x − center)‖²).

    colors   (N, 3), may be negative: a Gaussian can also take light away
    centers  (N, 2) as row and column, in [0, 1]²
    shapes   (N, 3): p, q, b of L = [[eᵖ, 0], [b, e^q]], whose LᵀL is the inverse covariance
    """

    colors: Tensor
    centers: Tensor
    shapes: Tensor

    def image(self, height: int, width: int) -> Tensor:
        """(height, width, 3), not clipped."""
        x = pixels(height, width).to(self.centers).reshape(-1, 2)
        return (_gaussians(self, x)[0].T @ self.colors).reshape(height, width, 3)


@dataclass(frozen=True)
class Stroke:
    """The state of a painting before a step.

    psnr  peak signal to noise ratio in decibels, of the picture clipped to [0, 1]
    """

    step: int
    painting: Painting
    image: Tensor
    error: float
    psnr: float


def _gaussians(painting: Painting, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """g (N, pixels), and what its derivatives need: d₁, u₁ = eᵖ d₁ and u₂ = b d₁ + e^q d₂."""
    p, q, b = painting.shapes.unsqueeze(-1).unbind(1)
    d1, d2 = (x.T - painting.centers.unsqueeze(-1)).unbind(1)  # each (N, pixels)
    u1, u2 = p.exp() * d1, b * d1 + q.exp() * d2
    return torch.exp(-u1.square() - u2.square()), d1, u1, u2


def painting_gradients(
    painting: Painting, x: Tensor, photo: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """E = Σ ‖picture − photo‖², and its gradients for colors, centers and shapes, by hand.

    With g = exp(−u₁² − u₂²) and R = picture − photo, ∂E/∂uₖ = −2 uₖ w, where w = 2 (R · color) g.

    x      (pixels, 2) positions
    photo  (pixels, 3)
    """
    p, q, b = painting.shapes.unsqueeze(-1).unbind(1)
    g, d1, u1, u2 = _gaussians(painting, x)
    residual = g.T @ painting.colors - photo  # (pixels, 3)
    w = 2 * (painting.colors @ residual.T) * g  # (N, pixels)
    by_u1, by_u2 = -2 * u1 * w, -2 * u2 * w
    sum1, sum2 = by_u1.sum(1, keepdim=True), by_u2.sum(1, keepdim=True)
    by_colors = 2 * g @ residual
    # d = x − μ, so the centers get the opposite sign of what the positions would.
    by_centers = -torch.cat([p.exp() * sum1 + b * sum2, q.exp() * sum2], 1)
    # ∂u₁/∂p = u₁, ∂u₂/∂q = e^q d₂ = u₂ − b d₁, ∂u₂/∂b = d₁
    by_shapes = torch.stack(
        [(by_u1 * u1).sum(1), (by_u2 * (u2 - b * d1)).sum(1), (by_u2 * d1).sum(1)], 1
    )
    return residual.square().sum(), (by_colors, by_centers, by_shapes)


def sketch(photo: Tensor, count: int, seed: int = 0) -> Painting:
    """Gaussians to begin with: on a jittered grid, as wide as its meshes, in the photo's colors."""
    height, width, _ = photo.shape
    rows = max(1, round(math.sqrt(count * height / width)))
    columns = -(-count // rows)
    generator = torch.Generator().manual_seed(seed)
    grid = pixels(rows, columns).reshape(-1, 2)[:count].to(photo)
    mesh = torch.tensor([1 / rows, 1 / columns]).to(photo)
    jitter = (torch.rand(grid.shape, generator=generator).to(photo) - 0.5) * mesh
    centers = (grid + jitter).clamp(0, 1)
    row = (centers[:, 0] * height).long().clamp(max=height - 1)
    column = (centers[:, 1] * width).long().clamp(max=width - 1)
    # A Gaussian exp(−d²/σ²) in each direction covers σ√π, so a grid of them with σ = 0.7 meshes
    # adds up to about 0.7² π ≈ 1.5 times their color.
    shapes = -(0.7 * mesh).log()
    return Painting(
        colors=photo[row, column] / 1.5,
        centers=centers,
        shapes=torch.cat([shapes, torch.zeros(1).to(photo)]).expand(len(centers), 3).clone(),
    )


def paint(
    photo: Tensor, count: int = 200, *, steps: int = 300, rate: float = 0.02, seed: int = 0
) -> Iterator[Stroke]:
    """Many Gaussians fitted to a photo (H, W, 3) in [0, 1]: the state before each step.

    Every stroke holds the picture as it is, so that a strip or an animation can be made of them.
    Raises UsageError for a photo of another shape, or no Gaussians.
    """
    if photo.dim() != 3 or photo.shape[2] != 3 or not photo.is_floating_point():
        raise UsageError(
            f"a photo of shape {tuple(photo.shape)} and type {photo.dtype}",
            where="photo",
            remedy="Give (height, width, 3), floating, with values from 0 to 1.",
        )
    if count < 1:
        raise UsageError(f"{count} Gaussians", where="count", remedy="Use at least one.")
    height, width, _ = photo.shape
    x, flat = pixels(height, width).to(photo).reshape(-1, 2), photo.reshape(-1, 3)
    begin = sketch(photo, count, seed)
    for step, (values, error, _) in enumerate(
        descend(
            (begin.colors, begin.centers, begin.shapes),
            lambda now: painting_gradients(Painting(*now), x, flat),
            steps,
            rate,
        )
    ):
        painting = Painting(*(value.clone() for value in values))
        picture = painting.image(height, width)
        noise = (picture.clamp(0, 1) - photo).square().mean().clamp_min(1e-12)
        yield Stroke(step, painting, picture, float(error), float(-10 * torch.log10(noise)))


def film(strokes: Iterable[Stroke], path: str | Path, *, scale: int = 4, frames: int = 40) -> Path:
    """The fitting as an animated GIF, the last picture shown for two seconds; returns its path.

    scale   screen pixels for each pixel of the photo; Gaussians are smooth at any scale
    frames  at most so many pictures, more of them from the beginning, where most happens
    """
    if frames < 1:
        raise UsageError(f"{frames} frames", where="frames", remedy="Use at least one.")
    strokes = [*strokes]
    if not strokes:
        raise UsageError("a film of no pictures", remedy="Give the strokes that paint() yields.")
    last = len(strokes) - 1
    # One frame alone is the last.
    chosen = sorted({round(last * (i / max(frames - 1, 1)) ** 2) for i in range(frames)} | {last})
    kept = [enlarged(strokes[i], scale) for i in chosen[-frames:]]
    durations = [80] * (len(kept) - 1) + [2000]
    with replacing(path) as file:
        kept[0].save(file, "GIF", save_all=True, append_images=kept[1:], duration=durations, loop=0)
    return Path(path)


def enlarged(stroke: Stroke, scale: int) -> Image.Image:
    """The painting at a finer resolution than that of the photo: drawn anew, not resized."""
    height, width, _ = stroke.image.shape
    drawn = stroke.painting
    plain = Painting(drawn.colors.float(), drawn.centers.float(), drawn.shapes.float())
    picture = plain.image(height * scale, width * scale)
    return Image.fromarray(picture.clamp(0, 1).mul(255).round().to(torch.uint8).numpy())

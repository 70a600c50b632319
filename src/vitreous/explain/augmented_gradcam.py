"""Augmented Grad-CAM: a fine heatmap from many coarse ones, by super-resolution.

    h = argmin Σ_l ‖ D A_l h - g_l ‖² + λ ‖∇h‖²

g_l is the Grad-CAM of the image moved by a known transform A_l, and D averages over the cells of
the layer. Each coarse map sees the same evidence through a grid that lies elsewhere, so that
together they tell more than one.
Morbidelli et al. (2020), "Augmented Grad-CAM: heat-maps super resolution through augmentation",
ICASSP.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.explain.gradcam import coarse_gradcam
from vitreous.explain.layer_maps import last_map
from vitreous.explain.target import Target, scalar_of
from vitreous.shapes import Heatmaps, Images

VIEWS = 100
TURN = 20.0  # degrees, at most
SHIFT = 0.15  # of the side, at most
SMOOTH = 1e-3  # λ
STEPS = 100


def random_views(count: int, seed: int = 0) -> Tensor:
    """(V, 2, 3) affine matrices of small turns and shifts, in the coordinates of `grid_sample`; the
    first one changes nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    angle, across, down = (2 * torch.rand(3, count, generator=generator) - 1).unbind(0)
    angle, across, down = (each * (torch.arange(count) > 0) for each in (angle, across, down))
    angle = angle * math.radians(TURN)
    cosine, sine = angle.cos(), angle.sin()
    rows = [cosine, -sine, 2 * SHIFT * across, sine, cosine, 2 * SHIFT * down]
    return torch.stack(rows, 1).reshape(count, 2, 3)


def moved(images: Tensor, views: Tensor, padding: str = "zeros") -> Tensor:
    """Images (V, C, H, W), each through its view (V, 2, 3)."""
    grid = F.affine_grid(views.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def super_resolved(
    maps: Heatmaps,
    views: Tensor,
    size: tuple[int, int],
    *,
    smooth: float = SMOOTH,
    steps: int = STEPS,
) -> Tensor:
    """The fine map (H, W) of which the coarse maps are averages, not negative.

    maps    (V, h, w) of the same thing, each through its view (V, 2, 3)
    size    height and width of the fine map
    smooth  λ: how much steep slopes cost

    Solved by conjugate gradients on the normal equations, from the mean of the maps.
    """
    wanted = maps.double()[:, None]
    scale = float(wanted.abs().max()) or 1.0
    wanted, views = wanted / scale, views.to(wanted)
    cells = (maps.shape[1], maps.shape[2])

    def seen(fine: Tensor) -> Tensor:
        through = moved(fine.expand(len(views), 1, *size), views)
        return F.adaptive_avg_pool2d(through, cells)

    def cost(fine: Tensor) -> Tensor:
        slopes = fine.diff(dim=2).square().sum() + fine.diff(dim=3).square().sum()
        return (seen(fine) - wanted).square().sum() + smooth * slopes

    start = torch.zeros(1, 1, *size, dtype=torch.float64, device=maps.device)
    fine = _minimum(cost, start, steps)
    return (fine[0, 0].clamp_min(0) * scale).to(maps)


def _minimum(cost: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> Tensor:
    """The minimum of a quadratic function, by conjugate gradients; gradients by autograd."""

    def slope(at: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = at.detach().requires_grad_()
            (found,) = torch.autograd.grad(cost(leaf), leaf)
        return found

    at, origin = start, slope(torch.zeros_like(start))
    rest = -slope(at)
    way, size = rest, rest.square().sum()
    for _ in range(steps):
        if float(size) < 1e-16:
            break
        curved = slope(way) - origin  # the quadratic form, applied
        step = size / (way * curved).sum()
        at, rest = at + step * way, rest - step * curved
        size, before = rest.square().sum(), size
        way = rest + size / before * way
    return at


def augmented_gradcam(
    model: nn.Module,
    images: Images,
    target: Target = None,
    *,
    layer: str | None = None,
    views: int = VIEWS,
    batch: int = 32,
    seed: int = 0,
) -> Heatmaps:
    """(B, H, W), not negative, finer than the layer.

    images  (B, C, H, W) in [0, 1]
    layer   as for `gradcam`
    views   transforms of each image: so many Grad-CAMs are computed; batch: at once

    Raises as `gradcam` does.
    """
    scalar = scalar_of(model, images, target)
    layer = last_map(model, images, scalar) if layer is None else layer
    matrices = random_views(views, seed).to(images.device)
    found = []
    for number, image in enumerate(images):

        def own(outputs: Tensor, number: int = number) -> Tensor:
            tiled = outputs.repeat_interleave(len(images), 0)
            return scalar(tiled)[number :: len(images)]

        maps = [
            coarse_gradcam(
                model,
                moved(image.expand(len(some), *image.shape), some, "border"),
                own,
                layer=layer,
            )
            for some in torch.split(matrices, batch)
        ]
        size = (images.shape[2], images.shape[3])
        found.append(super_resolved(torch.cat(maps), matrices, size))
    return torch.stack(found)

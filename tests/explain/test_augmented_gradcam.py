"""Super-resolution of heatmaps, on maps that are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.explain.augmented_gradcam import (
    augmented_gradcam,
    moved,
    random_views,
    super_resolved,
)
from vitreous.explain.heat import enlarged
from vitreous.models import create

SIDE, CELLS = 56, 7


def planted(seed: int) -> Tensor:
    """A few blobs, finer than the cells."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.arange(SIDE) + 0.5
    total = torch.zeros(SIDE, SIDE, dtype=torch.float64)
    for _ in range(3):
        x, y = (10 + (SIDE - 20) * torch.rand(2, generator=generator)).tolist()
        width = 2.5 + 2 * float(torch.rand(1, generator=generator))
        far = (places[:, None] - y) ** 2 + (places[None] - x) ** 2
        total += torch.exp(-far / (2 * width**2))
    return total / total.max()


def psnr(found: Tensor, truth: Tensor) -> float:
    return float(-10 * (found - truth).square().mean().log10())


@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_transforms_beat_bilinear_by_three_decibels(seed: int) -> None:
    truth, views = planted(seed), random_views(100, seed).double()
    seen = moved(truth.expand(100, 1, SIDE, SIDE), views)
    maps = F.adaptive_avg_pool2d(seen, CELLS)[:, 0]
    bilinear = enlarged(maps[:1], (SIDE, SIDE))[0]
    torch.testing.assert_close(views[0], torch.tensor([[1.0, 0, 0], [0, 1, 0]]).double())
    found = super_resolved(maps, views, (SIDE, SIDE))
    assert psnr(found, truth) > psnr(bilinear, truth) + 3
    assert found.min() >= 0


def test_more_transforms_tell_more() -> None:
    truth = planted(5)
    gained = []
    for count in (1, 10, 100):
        views = random_views(count, 1).double()
        seen = moved(truth.expand(count, 1, SIDE, SIDE), views)
        maps = F.adaptive_avg_pool2d(seen, CELLS)[:, 0]
        gained.append(psnr(super_resolved(maps, views, (SIDE, SIDE)), truth))
    assert gained == sorted(gained)


def test_of_a_network_each_image_is_as_alone() -> None:
    torch.manual_seed(0)
    model = create("convnet", in_channels=3)
    images = torch.rand(2, 3, 32, 32)
    heat = augmented_gradcam(model, images, views=8)
    assert heat.shape == (2, 32, 32)
    assert heat.isfinite().all()
    assert heat.max() > 0
    alone = augmented_gradcam(model, images[1:], views=8)
    torch.testing.assert_close(alone[0], heat[1], rtol=1e-3, atol=1e-4 * float(heat.max()))

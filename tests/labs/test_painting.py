"""Many Gaussians fitted to a photo, by hand and by autodiff."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from vitreous.errors import UsageError
from vitreous.labs.painting import Painting, enlarged, film, paint, painting_gradients, sketch
from vitreous.labs.splat import Splat, pixels, render

PLANTED = Splat(0.8, (0.4, 0.65), (0.12, 0.2))


def photo(height: int = 18, width: int = 24) -> torch.Tensor:
    """A bright disc before a colored slope."""
    x = pixels(height, width)
    slope = torch.stack([x[..., 0], x[..., 1], 1 - x[..., 0]], -1)
    disc = (x - 0.5).square().sum(-1, keepdim=True) < 0.06
    return torch.where(disc, torch.tensor([1.0, 0.9, 0.2], dtype=torch.float64), slope)


def test_gradients_of_many_gaussians_are_those_of_autodiff() -> None:
    generator = torch.Generator().manual_seed(0)
    begin = sketch(photo(), 7)
    shapes = begin.shapes + 0.3 * torch.randn(7, 3, generator=generator, dtype=torch.float64)
    x, flat = pixels(18, 24).reshape(-1, 2), photo().reshape(-1, 3)
    leaves = [t.clone().requires_grad_() for t in (begin.colors, begin.centers, shapes)]
    picture = Painting(*leaves).image(18, 24).reshape(-1, 3)
    error = (picture - flat).square().sum()
    expected = torch.autograd.grad(error, leaves)
    with torch.no_grad():
        value, mine = painting_gradients(Painting(*leaves), x, flat)
    assert_close(value, error.detach())
    for a, b in zip(mine, expected, strict=True):
        assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_a_painting_of_one_upright_gaussian_is_the_homeworks_gaussian() -> None:
    sigma = torch.tensor(PLANTED.deviation, dtype=torch.float64)
    one = Painting(
        colors=torch.full((1, 3), PLANTED.amplitude, dtype=torch.float64),
        centers=torch.tensor([PLANTED.center], dtype=torch.float64),
        shapes=torch.tensor([[*(-sigma.log()).tolist(), 0.0]], dtype=torch.float64),
    )
    assert_close(one.image(9, 8)[..., 1], PLANTED.image(9, 8))
    assert_close(render(PLANTED.parameters(), pixels(9, 8)), PLANTED.image(9, 8))


def test_painting_approaches_the_photo_stroke_by_stroke(tmp_path: Path) -> None:
    strokes = list(paint(photo().float(), 40, steps=80))
    assert [stroke.step for stroke in strokes] == list(range(81))
    assert strokes[-1].psnr > strokes[0].psnr + 10
    assert strokes[-1].psnr > 24
    fewer = list(paint(photo().float(), 5, steps=80))[-1].psnr
    assert strokes[-1].psnr > fewer
    for first, second in itertools.pairwise(list(paint(photo().float(), 3, steps=2))):
        assert not torch.equal(first.painting.centers, second.painting.centers)
    with Image.open(film(strokes, tmp_path / "strokes.gif", frames=10)) as animation:
        assert animation.n_frames == 10  # type: ignore[attr-defined]
        assert animation.size == (96, 72)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UsageError, match=r"torch\.uint8"):
        next(paint((photo() * 255).to(torch.uint8)))
    with pytest.raises(UsageError, match="0 Gaussians"):
        next(paint(photo(), 0))
    with pytest.raises(UsageError, match="no pictures"):
        film([], "nowhere.gif")


def test_gaussians_are_smooth_at_any_resolution() -> None:
    """Drawn anew at the finer grid: neighbors differ less than at the coarse one."""
    (*_, last) = paint(photo(), 12, steps=5)
    coarse = np.asarray(enlarged(last, 1), np.int64)
    fine = np.asarray(enlarged(last, 8), np.int64)
    assert fine.shape == (8 * 18, 8 * 24, 3)
    assert np.abs(np.diff(fine, axis=1)).max() < np.abs(np.diff(coarse, axis=1)).max() / 3

"""PSNR and SSIM against closed forms and against scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vitreous.errors import ShapeError
from vitreous.metrics.restoration import RestorationScores, restoration, untouched
from vitreous.metrics.similarity import psnr, ssim


def pair(channels: int, height: int, width: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    truth = torch.rand(channels, height, width, generator=draw, dtype=torch.float64)
    other = truth + 0.2 * torch.randn(truth.shape, generator=draw, dtype=torch.float64)
    return other.clamp(0, 1), truth


@pytest.mark.parametrize("shape", [(3, 33, 47), (1, 11, 11), (3, 64, 20)])
def test_both_are_scikit_images(shape: tuple[int, int, int]) -> None:
    measures = pytest.importorskip("skimage.metrics")
    for seed in range(3):
        answer, truth = pair(*shape, seed)
        one, other = (each.permute(1, 2, 0).numpy() for each in (answer, truth))
        settings = {"data_range": 1.0, "channel_axis": 2}
        expected = measures.structural_similarity(
            one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, **settings
        )
        assert ssim(answer, truth) == pytest.approx(expected, abs=1e-9)
        expected = measures.peak_signal_noise_ratio(other, one, data_range=1.0)
        assert psnr(answer, truth) == pytest.approx(expected, abs=1e-9)


def test_a_shift_of_gray_has_a_closed_form() -> None:
    truth = torch.full((3, 20, 20), 0.5)
    assert psnr(truth + 0.1, truth) == pytest.approx(20)
    # Without variance only the means are compared.
    expected = (2 * 0.5 * 0.6 + 1e-4) / (0.5**2 + 0.6**2 + 1e-4)
    assert ssim(truth + 0.1, truth) == pytest.approx(expected, rel=1e-5)


def test_an_equal_picture_has_a_number() -> None:
    _, truth = pair(3, 16, 16, 0)
    assert psnr(truth, truth) == pytest.approx(20 * math.log10(255 * math.sqrt(12)))
    assert ssim(truth, truth) == pytest.approx(1)


def test_a_small_picture_has_no_window() -> None:
    assert math.isnan(ssim(*pair(3, 10, 40, 0)))
    with pytest.raises(ShapeError):
        psnr(torch.zeros(3, 4, 4), torch.zeros(1, 4, 4))


def test_scores_are_means_over_images() -> None:
    images = np.array([[20.0, 0.5], [30, 0.9], [math.nan, math.nan], [25, math.nan]])
    scores = restoration(images, loss=0.5, baselines=[untouched(images[:2])])
    assert (scores.count, scores.psnr, scores.ssim) == (4, 25, pytest.approx(0.7))
    low, high = scores.headline.bounds
    assert low < 25 < high
    assert scores.baselines[0].score("psnr").value == 25
    assert RestorationScores.from_json(scores.to_json()) == scores
    assert restoration(images[3:]).ssim is None

"""Designed kernels against what they were designed for."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from scipy import signal
from torch import nn
from torch.nn import functional as F

from vitreous.blocks.filters import (
    convolve,
    correlate,
    derivatives,
    gabor,
    padding,
    prewitt,
    sobel,
)
from vitreous.errors import UsageError


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 2, 9, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def kernel() -> torch.Tensor:
    return torch.randn(3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(("how", "mode"), [("none", "valid"), ("half", "same"), ("full", "full")])
def test_both_agree_with_scipy(
    image: torch.Tensor, kernel: torch.Tensor, how: str, mode: str
) -> None:
    for ours, theirs in ((correlate, signal.correlate2d), (convolve, signal.convolve2d)):
        found = ours(image, kernel, how)  # type: ignore[arg-type]
        for channel in range(2):
            expected = torch.from_numpy(theirs(image[0, channel], kernel, mode))
            torch.testing.assert_close(found[0, channel], expected)


def test_convolution_is_correlation_with_the_flipped_kernel(
    image: torch.Tensor, kernel: torch.Tensor
) -> None:
    same = correlate(image, kernel.flip(0, 1))
    torch.testing.assert_close(convolve(image, kernel), same, rtol=0, atol=0)
    assert not torch.allclose(convolve(image, kernel), correlate(image, kernel))


@pytest.mark.parametrize("n", [5, 28])
def test_sizes_with_none_half_and_full_padding(n: int) -> None:
    image, kernel = torch.zeros(1, 1, n, n), torch.zeros(3, 3)
    sizes = [correlate(image, kernel, how).shape[-1] for how in ("none", "half", "full")]
    assert sizes == [n - 2, n, n + 2]
    with pytest.raises(UsageError, match="no center"):
        padding(4, "half")
    with pytest.raises(UsageError, match="unknown padding 'same'"):
        padding(3, "same")  # type: ignore[arg-type]


def test_three_maps_of_5x5_kernels_on_mnist() -> None:
    assert 3 * correlate(torch.zeros(1, 1, 28, 28), torch.zeros(5, 5)).numel() == 1728


def test_prewitt_and_sobel_are_the_masks_of_the_lecture() -> None:
    assert prewitt().tolist() == [[-1, 0, 1]] * 3
    assert sobel().tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert torch.equal(prewitt("y"), prewitt("x").T)
    assert torch.equal(sobel("y"), sobel("x").T)


def test_sobel_measures_a_ramp() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    assert (correlate(ramp, sobel("x")) == 8).all()
    assert (correlate(ramp, sobel("y")) == 0).all()
    assert (convolve(ramp, sobel("x")) == -8).all()


def test_the_window_of_a_gabor_kernel_sums_to_one() -> None:
    even, odd = gabor(61, 8.0, 30, sigma=5.0)
    window = (even.double() ** 2 + odd.double() ** 2).sqrt()
    assert window.sum().item() == pytest.approx(1, abs=1e-6)
    assert odd.sum().item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("angle", [0, 30, 60, 90, 120, 150])
def test_a_gabor_kernel_responds_to_waves_of_its_own_angle(angle: int) -> None:
    n, m = torch.meshgrid(torch.arange(41.0) - 20, torch.arange(41.0) - 20, indexing="ij")

    def response(other: int) -> float:
        theta = math.radians(other)
        wave = torch.cos(2 * math.pi * (m * math.cos(theta) + n * math.sin(theta)) / 8)
        energy = [float((wave * part).sum()) ** 2 for part in gabor(41, 8, angle, sigma=6)]
        return sum(energy)

    angles = range(0, 180, 10)
    assert max(angles, key=response) == angle


def test_derivatives_are_exact_on_polynomials() -> None:
    y, x = torch.meshgrid(torch.arange(15.0) - 7, torch.arange(15.0) - 7, indexing="ij")
    image = (3 + 2 * x - y + 0.5 * x**2 + 4 * x * y - 1.5 * y**2)[None, None]
    bank = derivatives(15, 2.0)
    at = {name: float(correlate(image, kernel)) for name, kernel in bank.items()}
    expected = {"x": 2, "y": -1, "xx": 1, "xy": 4, "yy": -3}
    for name, value in expected.items():
        assert at[name] == pytest.approx(value, abs=1e-3), name
    assert [len(derivatives(7, 1.0, order)) for order in (0, 1, 2)] == [1, 3, 6]


@pytest.fixture
def textures() -> torch.Tensor:
    return torch.rand(8, 1, 12, 12, generator=torch.Generator().manual_seed(2))


def test_sobel_is_recovered_from_its_responses_by_least_squares(textures: torch.Tensor) -> None:
    """A response is linear in the kernel: nine unknowns, and an equation for every place."""
    windows = F.unfold(textures.double(), 3).transpose(1, 2).flatten(0, 1)  # (B·h·w, 9)
    responses = correlate(textures.double(), sobel("x")).flatten()
    found = torch.linalg.lstsq(windows, responses[:, None]).solution.view(3, 3)
    torch.testing.assert_close(found, sobel("x").double(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_sobel_is_learned_from_its_responses(
    textures: torch.Tensor, axis: Literal["x", "y"]
) -> None:
    """What was designed by hand in 1968 is found by a convolution that is told what to answer."""
    layer = nn.Conv2d(1, 1, 3)
    method = torch.optim.LBFGS(layer.parameters(), line_search_fn="strong_wolfe")
    responses = correlate(textures, sobel(axis))

    def error() -> torch.Tensor:
        method.zero_grad()
        loss = F.mse_loss(layer(textures), responses)
        loss.backward()
        return loss

    for _ in range(5):
        method.step(error)
    torch.testing.assert_close(layer.weight[0, 0].detach(), sobel(axis), rtol=0, atol=1e-2)
    assert layer.bias is not None
    assert layer.bias.abs().item() < 1e-2

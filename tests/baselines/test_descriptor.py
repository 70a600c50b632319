"""Descriptors agree with scikit-image where it has them, and with their definitions elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.baselines.binary_pattern import BINS, bins, codes
from vitreous.baselines.descriptor import DESCRIPTORS, Features
from vitreous.baselines.oriented_gradients import dense_sift, hog, hog_width

feature = pytest.importorskip("skimage.feature")


def noise(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random(shape, np.float32))


@pytest.mark.parametrize(("side", "cell"), [(16, 2), (28, 4), (30, 4)])
def test_hog_is_that_of_scikit_image(side: int, cell: int) -> None:
    images = noise(2, 1, side, side)
    found = hog(images, cell)
    assert found.shape == (2, hog_width(side, side, cell))
    for image, ours in zip(images, found, strict=True):
        theirs = feature.hog(
            image[0].double().numpy(),
            pixels_per_cell=(cell, cell),
            cells_per_block=(2, 2),
            block_norm="L2-Hys",
        ).reshape(-1, 4, 9)
        # Both go through blocks row by row, and through a block cell by cell. Theirs clips the
        # counts at 0.2 as ours does.
        np.testing.assert_allclose(ours.view(-1, 4, 9), theirs, atol=2e-4)


def test_codes_are_those_of_scikit_image() -> None:
    image = (255 * noise(1, 1, 12, 15)).byte()
    theirs = feature.local_binary_pattern(image[0, 0].numpy(), 8, 1, "default")
    np.testing.assert_array_equal(codes(image)[0], theirs[1:-1, 1:-1].astype(int))


def test_patterns_are_the_uniform_ones_of_scikit_image() -> None:
    image = (255 * noise(1, 1, 40, 40)).byte()
    theirs = feature.local_binary_pattern(image[0, 0].numpy(), 8, 1, "nri_uniform")
    ours = bins()[codes(image)[0]].numpy()
    pairs = {*zip(ours.ravel(), theirs[1:-1, 1:-1].astype(int).ravel(), strict=True)}
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
    assert len(bins().unique()) == BINS == 59


def test_a_flat_image_has_one_pattern_and_no_direction() -> None:
    flat = torch.full((1, 1, 20, 20), 1 / 3)
    assert (codes(flat) == 255).all()
    assert not dense_sift(flat, 2).any()


def test_sift_finds_the_direction_of_an_edge() -> None:
    ramp = torch.arange(24.0).expand(1, 1, 24, 24)  # brighter to the right: direction 0 alone
    found = dense_sift(ramp, 3)[0].view(-1, 8, 16)
    inner = found[len(found) // 2]
    assert inner[0].min() > 0
    assert not inner[1:].any()
    assert torch.allclose(inner.norm(), torch.tensor(1.0), atol=1e-5)


def test_gabor_answers_to_its_own_wave() -> None:
    part = DESCRIPTORS["gabor"].build(1, 32, 32)
    across = torch.arange(32.0)
    for number, wave in enumerate((4.0, 8.0)):
        image = torch.cos(2 * torch.pi * across / wave).expand(1, 1, 32, 32)  # varies along x
        answers = part(image).view(-1, 6, 8, 8).mean((2, 3))
        assert int(answers.argmax()) == 6 * number  # its wavelength, the angle 0
    assert part(torch.ones(1, 1, 32, 32)).abs().max() < 1e-5  # blind to plain light


@pytest.mark.parametrize("name", DESCRIPTORS)
@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 70, 90)])
def test_features_have_one_scale(name: str, shape: tuple[int, int, int]) -> None:
    images = noise(24, *shape)
    features = Features((name, "pixels") if name != "pixels" else (name,), *shape)
    with torch.no_grad():
        learned = features.learn(lambda: images.split(10), 24, 0)
        assert learned.shape == (24, features.width)
        assert torch.allclose(learned, features(images), atol=1e-4)
        assert torch.allclose(learned.mean(0), torch.zeros(features.width), atol=1e-3)
        # Each kind of features counts the same.
        first = learned[:, : features.widths[0]].var(0, correction=0).sum()
        share = features.width / len(features.widths)
        assert float(first) == pytest.approx(share, rel=1e-3)

"""Noise: its size by closed forms, and that nothing but its key decides it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vitreous.data.batches.batches import Batches
from vitreous.data.batches.pack import pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.noise import Noise
from vitreous.data.noisy import Noisy
from vitreous.errors import UsageError
from vitreous.tasks.denoise import Fresh

GRAY = np.full((200, 200, 3), 128, np.uint8)
CONTRACT = PixelContract(height=24, width=24, channels=3, fit="native", exact=True)


def error(noisy: np.ndarray, clean: np.ndarray) -> float:
    return float(((noisy.astype(float) - clean) ** 2).mean())


def images(count: int = 12, side: int = 24) -> ArrayDataset:
    random = np.random.default_rng(0)
    return ArrayDataset("images", random.integers(0, 256, (count, side, side, 3), np.uint8), {})


def test_gaussian_noise_has_the_psnr_of_its_deviation() -> None:
    """20 log₁₀ (255 / 25) = 20.17 dB where nothing is clipped; rounding adds a variance of 1/12."""
    noisy = Noise.of("gaussian:25").held(GRAY)
    found = 10 * math.log10(255**2 / error(noisy, GRAY))
    assert found == pytest.approx(10 * math.log10(255**2 / (25**2 + 1 / 12)), abs=0.05)
    assert found == pytest.approx(20.17, abs=0.06)


def test_at_black_half_of_it_is_clipped() -> None:
    black = np.zeros_like(GRAY)
    assert error(Noise.of("gaussian:25").held(black), black) == pytest.approx(25**2 / 2, rel=0.03)


def test_photons_make_bright_places_noisier() -> None:
    for level in (64, 160):
        flat = np.full_like(GRAY, level)
        found = error(Noise.of("poisson:60").held(flat), flat)
        assert found == pytest.approx(level * 255 / 60, rel=0.05)


def test_jpeg_is_that_of_the_encoder_and_random_in_nothing() -> None:
    picture = images(1, 40).pixels[0]
    coarse, fine = (Noise.of(f"jpeg:{quality}").held(picture) for quality in (10, 95))
    assert error(coarse, picture) > error(fine, picture) > 0
    many = np.concatenate([picture, picture[..., :2]], axis=2)
    assert Noise.of("jpeg:50").held(many).shape == many.shape


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gausian:25", "unknown noise 'gausian'"),
        ("gaussian", "'' is no deviation in gray levels"),
        ("gaussian:0", "'0' is no deviation"),
        ("gaussian:nan", "is no deviation"),
        ("jpeg:101", "'101' is no quality"),
        ("poisson:many", "'many' is no photons"),
    ],
)
def test_other_words_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Noise.of(text)


def test_the_noise_for_measuring_is_a_function_of_the_image() -> None:
    data, noise = images(), Noise.of("gaussian:25")
    noisy = Noisy(data, noise)
    again = Noisy(ArrayDataset("other", data.pixels[::-1].copy(), {}), noise)
    for index in range(len(data)):
        np.testing.assert_array_equal(noisy.read(index), again.read(len(data) - 1 - index))
    assert len({noisy.read(index).tobytes() for index in range(12)}) == 12
    np.testing.assert_allclose(255 * noisy[3].targets["clean"], data.pixels[3], atol=1e-4)
    assert noisy.fingerprint != Noisy(data, Noise.of("gaussian:20")).fingerprint


def test_noise_in_training_belongs_to_seed_epoch_and_row() -> None:
    noise, rows = Noise.of("gaussian:25"), images().pixels
    keys = np.arange(12)
    whole = noise.drawn(rows, 1, 2, keys)
    np.testing.assert_array_equal(noise.drawn(rows[5:7], 1, 2, keys[5:7]), whole[5:7])
    for seed, epoch, shift in ((2, 2, 0), (1, 3, 0), (1, 2, 1)):
        assert (noise.drawn(rows, seed, epoch, keys + shift) != whole).mean() > 0.8


def test_batches_are_made_anew_in_each_epoch_and_by_any_number_of_threads() -> None:
    from vitreous.augment.policies import named_policy

    noisy = Noisy(images(), Noise.of("gaussian:25"))
    packed = pack(noisy, CONTRACT)
    light = named_policy("light", contract=CONTRACT)

    def epoch(number: int, threads: int, start: int = 0) -> list:
        batches = Batches(
            *(packed.rows, packed.targets, np.arange(12), CONTRACT),
            batch_size=4, augment=light, renew=Fresh(Noise.of("gaussian:25")), threads=threads,
        )  # fmt: skip
        return [*batches.epoch(number, start)]

    first, same, other = epoch(0, 1), epoch(0, 3), epoch(1, 1)
    for one, two in zip(first, same, strict=True):
        np.testing.assert_array_equal(one.images, two.images)
    resumed = epoch(0, 2, start=2)
    np.testing.assert_array_equal(resumed[0].images, first[2].images)
    row = {int(i): x for b in other for i, x in zip(b.ids, b.images, strict=True)}
    for batch in first:
        clean = batch.targets["clean"]
        inside = torch.isfinite(clean)
        noise = 255 * (batch.images - clean)[inside]
        assert 15 < float(noise.std()) < 26  # some of it is clipped
        assert (batch.images[0] != row[int(batch.ids[0])]).float().mean() > 0.8

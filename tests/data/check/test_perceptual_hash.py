from __future__ import annotations

import io
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from vitreous.data.check import perceptual_hash as likeness
from vitreous.data.images.decode import decode

rng = np.random.default_rng(0)


def scene(seed):
    """Something like a photo: random at every scale, as natural images are."""
    draw = np.random.default_rng(seed)
    image = np.zeros((192, 256, 3), np.float32)
    for level in range(1, 7):
        rough = draw.normal(size=(3 * 2**level, 4 * 2**level, 3)).astype(np.float32)
        image += cv2.resize(rough, (256, 192), interpolation=cv2.INTER_CUBIC) / 2**level
    return np.clip(image * 60 + 128, 0, 255).astype(np.uint8)


def jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


CHANGES = {
    "lower quality": lambda image: jpeg(image, 30),
    "half the size": lambda image: cv2.resize(image, (128, 96), interpolation=cv2.INTER_AREA),
    "another shape": lambda image: cv2.resize(image, (200, 200), interpolation=cv2.INTER_AREA),
    "brighter": lambda image: np.clip(image * 1.15 + 10, 0, 255).astype(np.uint8),
    "gray": lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None],
    "a small mark": lambda image: cv2.rectangle(image.copy(), (5, 5), (20, 9), (0, 0, 0), -1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_others(change):
    images = [scene(seed) for seed in range(60)]
    images += [CHANGES[change](image) for image in images[:20]]
    small = [likeness.thumbnail(image) for image in images]
    prints = np.array([likeness.fingerprint(each) for each in small])
    pairs = [
        pair
        for pair in likeness.candidates(prints).tolist()
        if likeness.alike(*(small[i] for i in pair))
    ]
    wanted = {(index, 60 + index) for index in range(20)}
    assert set(map(tuple, pairs)) <= wanted  # nothing else looks the same
    assert len(pairs) >= 18


def test_the_search_finds_what_comparing_all_pairs_finds():
    base = rng.integers(0, 1 << 63, 2000, dtype=np.uint64)
    near = base[:500].copy()
    for flips in range(4):
        near ^= np.uint64(1) << rng.integers(0, 64, 500).astype(np.uint64) * np.uint64(flips < 4)
    prints = np.concatenate([base, near])
    apart = likeness.differing(
        np.repeat(prints, len(prints)), np.tile(prints, len(prints))
    ).reshape(len(prints), -1)
    one, other = np.nonzero(np.triu(apart <= 4, 1))
    expected = set(zip(one.tolist(), other.tolist(), strict=True))
    found = set(map(tuple, likeness.candidates(prints).tolist()))
    assert len(expected) >= 500
    assert expected <= found


def test_differing_counts_bits():
    one = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    other = np.array([0, 2, 0, 0], np.uint64)
    assert likeness.differing(one, other).tolist() == [0, 2, 1, 64]


def test_the_search_is_not_quadratic():
    """Twice the images, twice the work and a little; many equal hashes do no harm."""

    def seconds(count):
        prints = rng.integers(0, 1 << 63, count, dtype=np.uint64)
        prints[: count // 2] = 7
        start = time.process_time()
        assert len(likeness.candidates(prints)) <= count * likeness.NEIGHBORS * likeness.ORDERS
        return time.process_time() - start

    seconds(1000)
    small, large = seconds(5_000), seconds(20_000)
    assert large < 9 * max(small, 0.02)


def test_no_and_one_image():
    assert likeness.candidates(np.zeros(0, np.uint64)).shape == (0, 2)
    assert likeness.candidates(np.zeros(1, np.uint64)).shape == (0, 2)


def test_flat_pictures_are_like_nothing():
    flat = np.zeros((32, 32), np.float32)
    assert not likeness.alike(flat, flat)


def test_any_number_of_channels():
    assert likeness.thumbnail(np.zeros((5, 7, 6), np.uint8)).shape == (32, 32)

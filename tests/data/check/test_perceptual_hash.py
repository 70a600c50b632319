from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

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


def cut(image, top=0.0, left=0.0, bottom=0.0, right=0.0):
    """Without these shares of its borders."""
    height, width = image.shape[:2]
    return image[
        round(top * height) : round((1 - bottom) * height),
        round(left * width) : round((1 - right) * width),
    ]


CHANGES = {
    "lower quality": lambda image: jpeg(image, 30),
    "half the size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=3),
    "another shape": lambda image: cv2.resize(image, (200, 160), interpolation=3),
    "brighter": lambda image: np.clip(image * 1.15 + 10, 0, 255).astype(np.uint8),
    "darker": lambda image: (image * 0.7).astype(np.uint8),
    "gray": lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None],
    "a small mark": lambda image: cv2.rectangle(image.copy(), (5, 5), (20, 9), (0, 0, 0), -1),
    "1 % less all round": lambda image: cut(image, 0.01, 0.01, 0.01, 0.01),
    "2 % less all round": lambda image: cut(image, 0.02, 0.02, 0.02, 0.02),
    "5 % less all round": lambda image: cut(image, 0.05, 0.05, 0.05, 0.05),
    "5 % less at a corner": lambda image: cut(image, bottom=0.05, left=0.05),
    "4 % less at the top": lambda image: cut(image, top=0.04),
    "all at once": lambda image: jpeg(cut(image, 0.02, 0.01, 0.03, 0.02)[::2, ::2], 60) // 8 * 7,
}


def found(images):
    """The pairs that look the same, of one list of images."""
    small = [likeness.thumbnail(image) for image in images]
    prints = np.array([likeness.fingerprint(each) for each in small])
    proposed = likeness.candidates(prints)
    assert (likeness.distances(*prints[proposed.T]) <= likeness.FAR).all()
    return {
        (one, other) for one, other in proposed.tolist() if likeness.alike(small[one], small[other])
    }


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_others(change):
    """19 of 20, and nothing else looks the same."""
    images = [scene(seed) for seed in range(60)]
    images += [CHANGES[change](image) for image in images[:20]]
    wanted = {(index, 60 + index) for index in range(20)}
    pairs = found(images)
    assert pairs <= wanted
    assert len(pairs) >= 19


def test_changed_copies_of_photos_are_found(real_set: Callable[[str], Path]):
    """At least 95 % of each kind among 1,300 photos, which are all different."""
    files = sorted(real_set("imagenette").glob("*/*/*.JPEG"))
    photos = [decode(path.read_bytes(), channels=3) for path in files]
    assert not found(photos)
    some = range(0, len(photos), 10)
    shares = {}
    for name, change in CHANGES.items():
        pairs = found([*photos, *(change(photos[index]) for index in some)])
        wanted = {(index, len(photos) + row) for row, index in enumerate(some)}
        assert pairs <= wanted, name
        shares[name] = len(pairs) / len(wanted)
    assert min(shares.values()) >= 0.95, shares


def test_a_picture_within_another_is_another():
    """A tenth less all round is a section, and half of a picture as well."""
    for seed in range(20):
        image = scene(seed)
        whole = likeness.thumbnail(image)
        assert not likeness.alike(whole, likeness.thumbnail(cut(image, 0.1, 0.1, 0.1, 0.1)))
        assert not likeness.alike(whole, likeness.thumbnail(cut(image, bottom=0.5)))
        assert not likeness.alike(whole, likeness.thumbnail(scene(seed + 100)))


def test_the_print_holds_the_lowest_frequencies():
    """Of the whole image, those of a discrete cosine transform."""
    small = likeness.thumbnail(scene(3))
    waves = cv2.dct(small)[:8, :8].ravel()
    signs = waves > np.median(waves[1:])
    signs[0] = False
    expected = np.array([int("".join(map(str, signs.astype(int))), 2)], np.uint64)
    prints = likeness.fingerprint(small)
    assert prints.shape == (likeness.FRAMES,)
    assert likeness.differing(prints[:1], expected)[0] <= 2  # an average over pixels is no sample


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
    found = set(map(tuple, likeness.candidates(prints[:, None]).tolist()))
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
        prints = np.stack([prints] * likeness.FRAMES, axis=1)
        start = time.process_time()
        most = count * likeness.NEIGHBORS * likeness.ORDERS * likeness.FRAMES
        assert len(likeness.candidates(prints)) <= most
        return time.process_time() - start

    seconds(1000)
    small, large = seconds(5_000), seconds(20_000)
    assert large < 9 * max(small, 0.02)


def test_no_and_one_image():
    assert likeness.candidates(np.zeros((0, 6), np.uint64)).shape == (0, 2)
    assert likeness.candidates(np.zeros((1, 6), np.uint64)).shape == (0, 2)


def test_flat_pictures_are_like_nothing():
    flat = np.zeros((64, 64), np.float32)
    assert not likeness.alike(flat, flat)


def test_any_number_of_channels():
    assert likeness.thumbnail(np.zeros((5, 7, 6), np.uint8)).shape == (64, 64)

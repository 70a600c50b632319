"""Near duplicates: planted ones are found, however they were changed, and no others."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from vitreous.doctor.deep.near_copies import near_copies, thumbnails

Picture = np.ndarray


def scene(seed: int) -> Picture:
    draw = np.random.default_rng(seed)
    image = np.zeros((96, 120, 3), np.float32)
    for level in range(1, 6):
        rough = draw.normal(size=(2 * 2**level, 2 * 2**level, 3)).astype(np.float32)
        image += cv2.resize(rough, (120, 96), interpolation=cv2.INTER_CUBIC) / 2**level
    return np.clip(image * 60 + 128, 0, 255).astype(np.uint8)


def jpeg(image: Picture) -> Picture:
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file))


CHANGES: dict[str, tuple[Callable[[Picture], Picture], str]] = {
    "smaller": (lambda image: cv2.resize(image, (60, 48)), ""),
    "compressed": (jpeg, ""),
    "cropped": (lambda image: image[4:-4, 5:-5], ""),
    "darker": (lambda image: (image * 0.7).astype(np.uint8), ""),
    "mirrored": (lambda image: image[:, ::-1], "mirrored left to right"),
    "upside down": (lambda image: image[::-1], "mirrored upside down"),
    "turned": (lambda image: image[::-1, ::-1], "turned by half"),
    "several": (lambda image: jpeg(image[3:-3, ::-1][:, 3:-3]), "mirrored left to right"),
}


@pytest.fixture(scope="module")
def scenes() -> list[Picture]:
    return [scene(number) for number in range(40)]


@pytest.mark.parametrize("name", CHANGES)
def test_planted_copies_are_found_and_no_others(name: str, scenes: list[Picture]) -> None:
    change, how = CHANGES[name]
    images = [*scenes, *(np.ascontiguousarray(change(image)) for image in scenes[:20])]
    rows = np.stack([cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA) for image in images])
    found = near_copies(thumbnails(rows, np.arange(len(rows))))
    assert {(pair.one, pair.other) for pair in found} == {(k, 40 + k) for k in range(20)}
    assert {pair.how for pair in found} == {how}


def test_small_pictures_need_nearly_every_pixel(scenes: list[Picture]) -> None:
    rows = np.stack([cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA) for image in scenes])
    noisy = np.clip(rows[:5] + np.random.default_rng(0).normal(0, 2, rows[:5].shape), 0, 255)
    small = thumbnails(np.concatenate([rows, noisy.astype(np.uint8)]), np.arange(45))
    found = near_copies(small, sides=np.full(45, 28))
    assert {(pair.one, pair.other) for pair in found} == {(k, 40 + k) for k in range(5)}


def test_images_that_show_nothing_are_no_copies() -> None:
    assert near_copies(np.full((5, 64, 64), 90, np.uint8)) == []
    assert near_copies(np.zeros((0, 64, 64), np.uint8)) == []

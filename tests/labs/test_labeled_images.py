"""Images that an experiment learns from: which, how many, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from vitreous.errors import UsageError
from vitreous.labs.chapter import key, measure
from vitreous.labs.course import find
from vitreous.labs.labeled_images import NEW, LabeledImages, load


def test_the_digits_are_divided_and_nothing_is_in_both() -> None:
    digits = load(seed=1)
    assert (len(digits.images), len(digits.new_images)) == (1797 - NEW, NEW)
    assert digits.images.shape[1:] == (1, 8, 8)
    assert float(digits.images.min()) == 0.0
    assert float(digits.images.max()) == 1.0
    both = torch.cat([digits.images, digits.new_images]).flatten(1)
    assert len(both.unique(dim=0)) == len(load(seed=2).vectors[0].unique(dim=0)) + NEW
    assert len(load(most=100).images) == 100
    assert not digits.mnist


def test_mnist_is_known_by_its_sizes() -> None:
    images = torch.zeros(1, 1, 28, 28)
    labels = torch.zeros(60_000, dtype=torch.int64)
    made = LabeledImages(
        "any",
        10,
        images.expand(60_000, -1, -1, -1),
        labels,
        images.expand(10_000, -1, -1, -1),
        labels[:10_000],
    )
    assert made.mnist
    assert not replace(made, new_images=made.new_images[:5000]).mnist


def test_other_data_are_refused(tmp_path: Path) -> None:
    for label in ("red", "blue"):
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.new("RGB", (8 + number, 8), label).save(tmp_path / label / f"{number}.png")
    with pytest.raises(UsageError, match="images of one size"):
        load(str(tmp_path))


def test_a_chapter_on_other_images_is_another(tmp_path: Path) -> None:
    lab = find("X17")
    assert key(lab, "tiny", 0, "digits") != key(lab, "tiny", 0)
    assert key(find("G7"), "tiny", 0, "digits") == key(find("G7"), "tiny", 0)  # it takes none
    with pytest.raises(UsageError):
        measure(lab, "tiny", data="no-such-data")

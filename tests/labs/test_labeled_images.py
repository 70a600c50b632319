"""Images that an experiment learns from: which, how many, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vitreous.errors import UsageError
from vitreous.labs.chapter import key, measure
from vitreous.labs.course import find
from vitreous.labs.labeled_images import NEW, LabeledImages, load
from vitreous.labs.textbook import make


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


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    """They would not fill a batch of the full sizes."""
    path, labels = tmp_path / "set.npz", np.arange(99) % 2
    images = np.zeros((99, 8, 8), np.uint8)
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(UsageError, match="99 images to learn are too few"):
        load(str(path))


def test_labels_are_redrawn_in_part() -> None:
    images = load(seed=1)
    assert torch.equal(images.redrawn(0.0, 3), images.labels)
    moved = (images.redrawn(0.2, 3) != images.labels).double().mean()
    assert 0.13 < float(moved) < 0.23  # 0.2 · 9/10, four deviations
    assert torch.equal(images.labels, load(seed=1).labels)


def test_a_book_refuses_data_before_it_measures(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        next(make([find("G7"), find("X17")], tmp_path, "tiny", data="no-such-data"))
    assert not [*tmp_path.iterdir()]


def test_what_is_told_is_what_was_learned() -> None:
    assert measure(find("X17"), "tiny").values["data"]["images"] == "200"


def test_a_chapter_on_other_images_is_another(tmp_path: Path) -> None:
    lab = find("X17")
    assert key(lab, "tiny", 0, "digits") != key(lab, "tiny", 0)
    assert key(find("G7"), "tiny", 0, "digits") == key(find("G7"), "tiny", 0)  # it takes none
    with pytest.raises(UsageError):
        measure(lab, "tiny", data="no-such-data")

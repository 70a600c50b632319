"""What is known of data before anything is learned, and data from which nothing can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.data.formats.open import open
from vitreous.errors import DataError
from vitreous.recipes.data_facts import DataFacts, check_trainable


def test_the_usual_size_of_images(photos: Path) -> None:
    facts = DataFacts.of(open(photos), np.arange(60))
    assert (facts.channels, facts.height, facts.width, facts.examples) == (3, 24, 24, 60)
    assert facts.small
    assert facts.classes == ("ant", "bee", "cat")
    assert not facts.multilabel


def test_images_of_various_sizes_are_no_small_images(photos: Path) -> None:
    Image.new("RGB", (30, 20)).save(photos / "ant" / "0.png")
    facts = DataFacts.of(open(photos), np.arange(60))
    assert (facts.height, facts.uniform, facts.small) == (24, False, False)


def test_an_image_that_cannot_be_read_does_not_matter(photos: Path) -> None:
    (photos / "ant" / "0.png").write_bytes(b"<html>")
    assert DataFacts.of(open(photos), np.arange(60)).height == 24


def test_no_image_that_can_be_read(photos: Path) -> None:
    for path in photos.rglob("*.png"):
        path.write_bytes(b"<html>")
    with pytest.raises(DataError, match="HTML") as caught:
        DataFacts.of(open(photos), np.arange(60))
    assert "vitreous check" in str(caught.value.remedy)


def test_nothing_to_train_on(photos: Path) -> None:
    with pytest.raises(DataError, match="no image to train on; only a test part"):
        check_trainable(open(photos), np.zeros(0, np.int64), "only a test part")


def test_one_class_is_nothing_to_tell_apart(photos: Path) -> None:
    dataset = open(photos)
    with pytest.raises(DataError, match="of the class 'bee'"):
        check_trainable(dataset, np.flatnonzero(dataset.targets == 1), "")


def test_labels_may_be_all_the_same(labels: Path) -> None:
    check_trainable(open(labels), np.array([0]), "")

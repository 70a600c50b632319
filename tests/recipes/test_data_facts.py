"""What is known of data before anything is learned, and data from which nothing can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.data.columns import ClassNumbers
from vitreous.data.formats.open import open
from vitreous.errors import DataError
from vitreous.recipes.data_facts import DataFacts


def test_the_usual_size_of_images(photos: Path) -> None:
    facts = DataFacts.of(open(photos), np.arange(60))
    assert (facts.channels, facts.height, facts.width, facts.examples) == (3, 24, 24, 60)
    assert facts.small
    assert facts.classes == ("ant", "bee", "cat")
    assert facts.kinds == {"class": ClassNumbers}


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

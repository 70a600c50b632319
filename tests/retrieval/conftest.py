"""Images in two colors, and a network that sees nothing but pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks import Classify


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """20 reddish and 20 bluish pictures; none is like another in every pixel."""
    random = np.random.default_rng(0)
    for name, color in (("red", (200, 40, 40)), ("blue", (40, 40, 200))):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = np.clip(np.array(color) + random.integers(-30, 30, (16, 16, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def seeing() -> Bundle:
    """A linear classifier: what enters its last layer are the pixels themselves."""
    arguments = {"num_classes": 2, "in_channels": 3, "size": 16, "mean": 0.5, "std": 0.25}
    return Bundle(
        model=create("linear", **arguments).eval(),
        architecture="linear",
        arguments=arguments,
        task=Classify(classes=("a", "b")),
        contract=PixelContract(height=16, width=16, channels=3),
    )

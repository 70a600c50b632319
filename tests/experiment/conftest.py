"""Small data that every experiment is made of."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VITREOUS_DATA", raising=False)
    return tmp_path


@pytest.fixture
def photos(place: Path) -> Path:
    """Three classes of 20 pictures, each brightest in a channel of its own."""
    random = np.random.default_rng(0)
    for channel, name in enumerate(("ant", "bee", "cat")):
        folder = place / "photos" / name
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(0, 120, (24, 24, 3), dtype=np.uint8)
            pixels[..., channel] += 90
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return place / "photos"


@pytest.fixture
def labels(place: Path) -> Path:
    """A CSV file of 150 pictures with bars, each a label: left, middle, right, or none."""
    random = np.random.default_rng(1)
    names = ("left", "middle", "right")
    (place / "bars").mkdir()
    rows = [("path", *names)]
    for number in range(150):
        pixels = random.integers(0, 60, (24, 24, 1), dtype=np.uint8)
        marks = random.random(3) < 0.4
        for label in np.flatnonzero(marks):
            pixels[4:20, 8 * label + 2 : 8 * label + 6] += 120
        Image.fromarray(pixels[..., 0]).save(place / "bars" / f"{number}.png")
        if number % 10 == 0:  # some labels are wrong, so that there are mistakes to show
            marks = ~marks
        rows.append((f"{number}.png", *marks.astype(int).tolist()))
    with (place / "bars" / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return place / "bars" / "labels.csv"

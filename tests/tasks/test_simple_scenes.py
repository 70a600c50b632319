"""Points and boxes of simple scenes are found from about a hundred images, with defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.data.boxes import Boxes
from vitreous.data.columns import Column
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.points import Points
from vitreous.runs.run import train

COUNT, SIDE = 120, 40
NAMES = ("left top", "right top", "left bottom", "right bottom")


def scenes(kind: str) -> ArrayDataset:
    """A block of any place, size and one of three colors on noise: its box, or its corners."""
    random = np.random.default_rng(0)
    images = random.integers(0, 80, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)
    boxes, corners = [], []
    for number, image in enumerate(images):
        width, height = random.integers(8, 20, 2)
        x, y = random.integers(0, SIDE - width), random.integers(0, SIDE - height)
        image[y : y + height, x : x + width, number % 3] += 150
        right, bottom = x + width, y + height
        boxes.append(np.array([[x, y, right, bottom, number % 3]]))
        corners.append([[a, b, 1] for b in (y, bottom - 1) for a in (x, right - 1)])
    targets: dict[str, Column] = {"point": Points(np.array(corners), NAMES)}
    if kind == "box":
        targets = {"box": Boxes.of(boxes, ("red", "green", "blue"))}
    return ArrayDataset("blocks", images, targets)


DEFAULTS = pytest.param({}, marks=pytest.mark.slow, id="defaults")


@pytest.mark.parametrize("settings", [pytest.param({"epochs": 24}, id="quick"), DEFAULTS])
@pytest.mark.parametrize("kind", ["box", "point"])
def test_they_are_found(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    scores = train(scenes(kind), out=tmp_path / "run", **settings).scores["test"]
    assert scores.headline.value >= 0.8
    mean = scores.baselines[0].score(scores.headline.name)
    assert mean is not None
    assert mean.value < 0.2

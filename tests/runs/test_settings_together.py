"""Settings that learn alone learn together: runs that cover every pair of them."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.data.formats.open import open as open_data
from vitreous.runs.run import train

SETTINGS: dict[str, tuple[Any, ...]] = {
    "loss": ("cross_entropy", "focal", "hinge"),
    "label_smoothing": (0.0, 0.1, 0.3),
    "balance": ("none", "weights", "sampler"),
    "mixup": (None, 0.2),
    "cutmix": (None, 1.0),
    "engine": ("autograd", "manual"),
    "accumulate": (1, 3),
    "ema": (None, 0.9),
    "swa": (None, 0.25),
    "clip": (None, 1.0),
    "l2": (0.0, 1e-4),
    "optimizer": ("adamw", "momentum"),
    "schedule": ("one_cycle", "constant"),
    "weights": (False, True),  # of examples, in a column of the data
}
Pair = tuple[tuple[str, Any], tuple[str, Any]]


def pairs(chosen: dict[str, Any]) -> set[Pair]:
    return {*combinations(chosen.items(), 2)}


def refused(pair: Pair) -> bool:
    """Two settings that the recipe does not take together, and says so."""
    chosen = dict(pair)
    hinge_smoothed = chosen.get("loss") == "hinge" and chosen.get("label_smoothing")
    averaged_twice = chosen.get("ema") and chosen.get("swa")
    by_hand = chosen.get("engine") == "manual" and (chosen.get("loss") == "focal")
    return bool(hinge_smoothed or averaged_twice or by_hand)


def covering() -> list[dict[str, Any]]:
    """Choices of all settings in which every pair of values that is allowed comes up."""
    random = np.random.default_rng(0)
    left = {
        ((one, a), (other, b))
        for one, other in combinations(SETTINGS, 2)
        for a, b in product(SETTINGS[one], SETTINGS[other])
    }
    left = {pair for pair in left if not refused(pair)}
    rows = []
    while left:
        tried = []
        for _ in range(300):
            row = {name: values[random.integers(len(values))] for name, values in SETTINGS.items()}
            if not any(map(refused, pairs(row))):
                tried.append(row)
        best = max(tried, key=lambda row: len(left & pairs(row)))
        if not left & pairs(best):  # a rest that chance does not find: begin from it
            best |= dict(min(left, key=str))
            if any(map(refused, pairs(best))):
                continue
        rows.append(best)
        left -= pairs(best)
    return rows


@pytest.fixture(scope="module")
def parts() -> tuple[np.ndarray, np.ndarray]:
    """300 bright and 16 dark pictures."""
    random = np.random.default_rng(0)
    truth = np.array([0] * 300 + [1] * 16)
    images = random.integers(0, 60, (316, 8, 8), dtype=np.uint8)
    images[truth == 0] += 150
    return images, truth


@pytest.mark.slow
@pytest.mark.parametrize("row", covering(), ids=lambda row: "-".join(map(str, row.values())))
def test_unequal_classes_are_told_apart(
    row: dict[str, Any], parts: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    fields = dict(row)
    data: Any = parts
    if fields.pop("weights"):
        data = open_data(parts)
        data.weights = np.linspace(0.5, 1.5, len(parts[0]), dtype=np.float32)
    run = train(data, model="mlp", epochs=12, batch_size=16, out=tmp_path / "run", **fields)
    assert run.scores["test"].balanced_accuracy == 1.0
    assert run.scores["validation"].balanced_accuracy == 1.0

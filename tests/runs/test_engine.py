"""Training by hand goes the way that autograd goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.errors import UsageError
from vitreous.runs.run import Run, train


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    few = load_digits()
    return (few.images[:300] * 15.9).astype(np.uint8)[..., None], few.target[:300]


def losses(run: Run) -> list[float]:
    return [json.loads(line)["train_loss"] for line in run.folder.metrics.read_text().splitlines()]


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "mlp"},
        {"model": "lenet5", "size": 28},
        {"model": "lenet5", "size": 28, "label_smoothing": 0.1, "balance": "weights"},
        {"model": "convnet", "accumulate": 2, "mixup": 0.2, "lr": 3e-3},
        {"model": "linear", "loss": "hinge"},
    ],
    ids=["mlp", "lenet5", "weights", "convnet", "hinge"],
)
def test_both_engines_learn_the_same(digits: Any, fields: dict[str, Any], tmp_path: Path) -> None:
    runs = {
        engine: train(digits, out=tmp_path / engine, epochs=3, engine=engine, **fields)
        for engine in ("autograd", "manual")
    }
    np.testing.assert_allclose(losses(runs["manual"]), losses(runs["autograd"]), rtol=2e-3)


def test_a_loss_without_a_derivative_by_hand_is_refused(digits: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no hand-written derivative"):
        train(digits, out=tmp_path / "run", model="mlp", loss="focal", engine="manual", epochs=1)


def test_the_training_loss_of_an_epoch_is_a_mean_over_examples(tmp_path: Path) -> None:
    """Of 79 images in batches of 30, with weights that hardly move: no matter how they are cut."""
    random = np.random.default_rng(0)
    data = random.integers(0, 255, (79, 8, 8), np.uint8), np.arange(79) % 2
    fields = {"model": "linear", "epochs": 1, "lr": 1e-9, "validation": 0.0, "test": 0.0}
    found = [
        losses(train(data, out=tmp_path / str(size), batch_size=size, **fields))
        for size in (30, 79, 10)
    ]
    np.testing.assert_allclose(np.ravel(found), found[0][0], rtol=1e-5)

"""Every network of the table trains on small images, from their pixels to scores and a report.

Grey images of 28 pixels stand for MNIST, RGB images of 32 pixels for CIFAR-10; a network that
needs larger ones gets them, with a reason. Large networks are among the slow tests.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vitreous.cli.main import run as command
from vitreous.files import read_json, read_lines, read_yaml
from vitreous.inference.model_file import load
from vitreous.models import MODELS, fitting_size
from vitreous.run_folder import RunFolder

SMALL, LARGE = 1_000_000, 8_000_000  # parameters
GREY = [
    pytest.param(name, marks=[pytest.mark.slow] * (row.parameters > LARGE))
    for name, row in MODELS.items()
    if row.output == "vector"
]
RGB = [name for name, row in MODELS.items() if row.parameters < SMALL and row.output == "vector"]


@pytest.fixture
def run(place: Path) -> Iterator[Path]:
    """Where a run goes; the weights of all networks together would fill the disk."""
    yield place / "run"
    shutil.rmtree(place / "run", ignore_errors=True)


def images(place: Path, *shape: int) -> str:
    """A file of 24 images of two classes, one brighter than the other."""
    labels = np.arange(24) % 2
    noise = np.random.default_rng(0).integers(0, 120, (24, *shape), dtype=np.uint8)
    brightness = (120 * labels).astype(np.uint8).reshape(-1, *(1 for _ in shape))
    np.savez(place / "images.npz", images=noise + brightness, labels=labels)
    return str(place / "images.npz")


def train(data: str, name: str, run: Path) -> RunFolder:
    flags = ["--model", name, "--epochs", "1", "--batch-size", "8", "--out", str(run), "--quiet"]
    assert command(["train", data, *flags]) == 0
    return RunFolder.open(run)


def assert_complete(folder: RunFolder, size: int, channels: int) -> None:
    """One epoch of finite loss, both parts measured, and a model file that predicts."""
    (epoch,) = read_lines(folder.metrics)
    assert math.isfinite(epoch["train_loss"])
    scores = read_json(folder.scores)["scores"]
    assert {*scores} == {"validation", "test"}
    assert all(math.isfinite(found["loss"]) for found in scores.values())
    assert folder.report.stat().st_size > 10_000
    model = load(folder.path)
    assert model.contract.shape == (size, size, channels)
    assert model.predict(np.zeros((size, size, channels), np.uint8)).label in ("0", "1")


@pytest.mark.parametrize("name", GREY)
def test_on_images_like_mnist(name: str, place: Path, run: Path) -> None:
    size = fitting_size(name, 28)
    folder = train(images(place, 28, 28), name, run)
    assert_complete(folder, size, 1)
    reason = read_yaml(folder.recipe)["reasons"]["size"]
    assert "28 × 28" in reason
    assert (name in reason) == (size > 28)  # if they are enlarged, it is said for whose sake


@pytest.mark.parametrize("name", RGB)
def test_on_images_like_cifar(name: str, place: Path, run: Path) -> None:
    assert_complete(train(images(place, 32, 32, 3), name, run), 32, 3)


@pytest.mark.parametrize("name", ["alexnet", "nin", "vgg16", "googlenet", "densenet121", "vit_b32"])
def test_a_size_that_it_cannot_take(
    name: str, place: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The size that works is offered, before anything has been written."""
    flags = ["--model", name, "--size", "28", "--out", str(run)]
    assert command(["train", images(place, 28, 28), *flags]) == 2
    size = fitting_size(name, 28)
    assert f"{size}×{size}" in capsys.readouterr().err
    assert not run.exists()

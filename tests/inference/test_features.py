"""Features of a frozen backbone: kept as they were computed, and a head that is the network's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.cache import cache_folder as caches
from vitreous.data.columns import ClassNumbers
from vitreous.files import read_lines
from vitreous.inference.features import FeatureBatches, features
from vitreous.models import backbone_and_head, create
from vitreous.runs.run import train
from vitreous.training.precision import Precision

CONTRACT = PixelContract(height=32, width=32, channels=3)
FLOAT = Precision()


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def network() -> Any:
    torch.manual_seed(0)
    return create("convnet", num_classes=5, in_channels=3, size=32).eval()


def compute(network: Any, rows: np.ndarray, ids: np.ndarray | None = None, **options: Any) -> Any:
    backbone, _ = backbone_and_head(network)
    ids = np.arange(len(rows)) if ids is None else ids
    settings = {"mirrored": False, "key": "k", "architecture": ("convnet", {}), **options}
    precision = settings.pop("precision", FLOAT)
    return features(backbone, network, rows, ids, CONTRACT, precision, **settings)


def test_features_are_what_the_head_sees(network: Any, rows: np.ndarray) -> None:
    ids = np.array([7, 3, 39])
    found = compute(network, rows, ids, mirrored=True)
    backbone, head = backbone_and_head(network)
    images = CONTRACT.images(rows[ids])
    with torch.inference_mode():
        for view, seen in enumerate((images, images.flip(3))):
            expected = backbone(seen)
            np.testing.assert_allclose(found[:, view], expected.numpy(), rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(head(expected), network(seen))


def test_what_was_kept_is_what_was_computed(network: Any, rows: np.ndarray) -> None:
    computed = compute(network, rows, mirrored=True)
    calls: list[int] = []

    def never(images: Tensor) -> Tensor:
        calls.append(len(images))
        raise AssertionError("the features are there already")

    options: dict[str, Any] = {"key": "k", "architecture": ("convnet", {})}
    again = features(never, network, rows, np.arange(40), CONTRACT, FLOAT, mirrored=True, **options)
    np.testing.assert_array_equal(again, computed)
    assert not calls


CHANGES = ("weights", "mean", "name", "arguments", "ids", "key", "precision", "mirrored", "damage")


@pytest.mark.parametrize("changed", CHANGES)
def test_features_of_anything_else_are_computed_anew(
    network: Any, rows: np.ndarray, place: Path, changed: str
) -> None:
    compute(network, rows)
    (kept,) = (place / "cache" / "features").iterdir()
    options: dict[str, Any] = {
        "ids": {"ids": np.arange(1, 40)},
        "key": {"key": "another"},
        "name": {"architecture": ("lenet5", {})},
        "arguments": {"architecture": ("convnet", {"dropout": 0.5})},
        "precision": {"precision": Precision("bfloat16")},
        "mirrored": {"mirrored": True},
    }.get(changed, {})
    if changed == "weights":
        with torch.no_grad():
            next(network.parameters()).mul_(1.5)
    if changed == "mean":  # it is in no state_dict
        network.normalize.mean.add_(0.1)
    if changed == "damage":
        kept.write_bytes(kept.read_bytes()[:-10])
    told: list[tuple[int, int]] = []
    found = compute(network, rows, **options, progress=lambda *done: told.append(done))
    assert told[-1][0] == told[-1][1] == len(options.get("ids", rows))
    assert found.shape[1] == (2 if changed == "mirrored" else 1)


def test_those_of_a_users_own_module_are_not_kept(
    network: Any, rows: np.ndarray, place: Path
) -> None:
    """Its weights do not tell what it does with them."""
    compute(network, rows, architecture=None)
    assert not (place / "cache").exists()


def test_what_was_used_last_is_evicted_last(network: Any, rows: np.ndarray, place: Path) -> None:
    compute(network, rows)
    (kept,) = (place / "cache" / "features").iterdir()
    os.utime(kept, (1, 1))
    compute(network, rows)
    assert kept.stat().st_mtime > 1


def test_the_disk_is_not_filled(
    network: Any, rows: np.ndarray, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other programs need stays free."""
    usage = SimpleNamespace(free=caches.RESERVE + 1000)
    monkeypatch.setattr(caches.shutil, "disk_usage", lambda folder: usage)
    expected = compute(network, rows)
    assert list((place / "cache" / "features").iterdir()) == []
    usage.free += expected.nbytes
    compute(network, rows)
    assert len(list((place / "cache" / "features").iterdir())) == 1


def test_without_a_cache_they_are_computed_all_the_same(
    network: Any, rows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> Iterator[Any]:
        raise OSError(28, "No space left on device")

    expected = compute(network, rows)
    monkeypatch.setattr(caches, "replacing", full)
    np.testing.assert_array_equal(compute(network, rows, key="other"), expected)


def test_each_epoch_sees_each_example_in_one_of_its_views() -> None:
    """Views are drawn by (seed, epoch, example): the same however often they are asked for."""
    count = 200
    seen = np.zeros((count, 2, 3), np.float16)
    seen[:, 0, 0], seen[:, 1, 0] = np.arange(count), np.arange(count)
    seen[:, 1, 1] = 1
    options: dict[str, Any] = {"batch_size": 32, "seed": 3}
    targets = {"class": ClassNumbers(np.arange(count) % 2, ("even", "odd"))}
    batches = FeatureBatches(seen, targets, **options)

    def epoch(number: int) -> np.ndarray:
        found = torch.cat([batch.images for batch in batches.epoch(number)]).numpy()
        return found[np.argsort(found[:, 0])]

    first = epoch(0)
    np.testing.assert_array_equal(first[:, 0], np.arange(count))
    assert 60 < first[:, 1].sum() < 140
    np.testing.assert_array_equal(first, epoch(0))
    assert (first != epoch(1)).any()


@pytest.mark.parametrize("extra", [{}, {"dropout": 0.3, "ema": 0.9}])
def test_the_saved_network_answers_as_the_head_did(photos: Path, extra: dict[str, Any]) -> None:
    """Trained on features, measured as a whole: the same scores."""
    run = train(
        photos, model="efficientnet_lite0", pretrained="yes", size=32, epochs=6, out="run", **extra
    )
    history = read_lines(run.folder.metrics)
    kept = history[run.model.training["best_epoch"] - 1]
    assert {row["phase"] for row in history} == {"head"}
    assert kept["validation_loss"] == min(row["validation_loss"] for row in history)
    assert run.scores["validation"].accuracy == kept["validation_accuracy"]
    assert run.scores["validation"].loss == pytest.approx(kept["validation_loss"], rel=0.02)
    # Nothing but the head has learned, statistics included.
    fresh = create("efficientnet_lite0", num_classes=3, size=32, pretrained=True).state_dict()
    state = run.model.model.state_dict()
    changed = {name for name in state if not torch.equal(state[name], fresh[name])}
    assert len(changed) == 2
    assert all(state[name].shape[0] == 3 for name in changed)


def test_a_head_learns_without_a_validation_part(photos: Path) -> None:
    recipe: dict[str, Any] = {"model": "efficientnet_lite0", "pretrained": "yes", "size": 32}
    run = train(photos, epochs=2, validation=0.0, test=0.0, **recipe)
    assert {row["phase"] for row in read_lines(run.folder.metrics)} == {"head"}
    assert run.scores == {}
    assert "validation_loss" not in read_lines(run.folder.metrics)[0]


def test_fine_tuning_goes_on_from_the_head(photos: Path) -> None:
    recipe: dict[str, Any] = {"model": "efficientnet_lite0", "pretrained": "yes", "size": 32}
    # Without a validation part the last weights are kept, whatever they are worth.
    recipe |= {"validation": 0.0, "epochs": 2, "lr": 1e-3}
    run = train(photos, fine_tune=1, out="tuned", **recipe)
    history = read_lines(run.folder.metrics)
    assert [row["phase"] for row in history] == ["head"] * 2 + ["network"]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    fresh = create("efficientnet_lite0", num_classes=3, size=32, pretrained=True).state_dict()
    state = run.model.model.state_dict()
    changed = {name for name in state if not torch.equal(state[name], fresh[name])}
    assert len(changed) > 100

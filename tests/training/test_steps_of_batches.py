"""The loop with the batches and the networks of the house."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from vitreous.data.batches.batches import Batches
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.columns import ClassNumbers
from vitreous.errors import UsageError
from vitreous.models import create, freeze, head
from vitreous.tasks import Classify
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer

CONTRACT = PixelContract(height=8, width=8, channels=1)


def batches(count: int, batch_size: int) -> Batches:
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 256, (count, 8, 8, 1), np.uint8)
    targets = {"class": ClassNumbers(generator.integers(0, 3, count), "abc")}
    return Batches(rows, targets, np.arange(count), CONTRACT, batch_size=batch_size)


def dense() -> nn.Sequential:
    """Batch norm over (B, K): it has no variance where B is 1."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)
    )


def sizes(model: nn.Module, data: Batches) -> list[int]:
    method = optimizer("sgd", model)
    steps = fit(model, data.epoch(0), Classify().loss, method, lambda _: 1.0)
    return [step.examples for step in steps]


@pytest.mark.parametrize(
    ("batch_size", "steps"), [(12, 1), (4, 3), (1, 12)], ids=["batch", "mini-batch", "stochastic"]
)
def test_steps_of_an_epoch(batch_size: int, steps: int) -> None:
    """All N at once: 1 step; one by one: N; in batches of B: N / B."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    assert sizes(model, batches(12, batch_size)) == [batch_size] * steps


@pytest.mark.parametrize("batch_size", [2, 4, 6, 12])
def test_one_example_left_over_is_no_batch_of_its_own(batch_size: int) -> None:
    found = sizes(dense(), batches(13, batch_size))
    assert sum(found) == 13
    assert found[-1] == batch_size + 1


def test_a_single_example_is_too_few_for_batch_norm() -> None:
    with pytest.raises(UsageError, match="batch of one example"):
        sizes(dense(), batches(1, 4))


def digest(model: nn.Module) -> str:
    state = model.state_dict().items()
    return hashlib.sha256(b"".join(t.numpy().tobytes() for _, t in state)).hexdigest()


def test_a_frozen_backbone_does_not_move_nor_do_its_statistics() -> None:
    model = create("resnet20", num_classes=3, in_channels=1, size=8)
    freeze(model, "backbone")
    parts = {name: digest(part) for name, part in model.named_children()}
    last = next(name for name, part in model.named_children() if head(model) in part.modules())
    model.train()
    sizes(model, batches(24, 8))
    after = {name: digest(part) for name, part in model.named_children()}
    assert {name for name in parts if parts[name] != after[name]} == {last}


def test_a_thawed_backbone_learns_slower_than_the_head() -> None:
    model = create("resnet20", num_classes=3, in_channels=1, size=8)
    method = optimizer("momentum", model, lr=0.1, head=head(model), backbone_lr=0.01)
    of_head = {id(p) for p in head(model).parameters()}
    for group in method.param_groups:
        inside = {id(p) in of_head for p in group["params"]}
        assert inside == {group["initial_lr"] == 0.1}

"""Adversarial training: batches attacked in the one loop, each as its seed and place say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import vitreous as vt
from vitreous.data.batches.batch import Batch
from vitreous.data.batches.batches import Batches
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.columns import ClassNumbers
from vitreous.errors import UsageError
from vitreous.losses import cross_entropy
from vitreous.robust.adversarial_training import AdversarialBatches
from vitreous.runs.robustness import robustness
from vitreous.training.precision import Precision


def batches(steps: int, eps: float = 0.1) -> AdversarialBatches:
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
    labels = ClassNumbers(generator.integers(0, 3, 20), ["a", "b", "c"])
    contract = PixelContract(height=8, width=8, channels=1)
    plain = Batches(rows, {"class": labels}, np.arange(20), contract, batch_size=6)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 3))
    return AdversarialBatches(
        plain,
        network,
        lambda outputs, targets: cross_entropy(outputs, targets["class"], reduction="none"),
        eps,
        steps,
        7,
        Precision(),
    )


def losses(attacked: AdversarialBatches, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        outputs = attacked.network.eval()(batch.images)
    return attacked.loss(outputs, batch.targets)


@pytest.mark.parametrize("steps", [1, 4])
def test_each_batch_is_worse_for_the_network_within_its_ball(steps: int) -> None:
    attacked = batches(steps)
    before = {name: tensor.clone() for name, tensor in attacked.network.state_dict().items()}
    attacked.network.train()
    for clean, worse in zip(attacked.batches.epoch(2), attacked.epoch(2), strict=True):
        assert float((worse.images - clean.images).abs().max()) <= 0.1 + 1e-6
        assert float(worse.images.min()) >= 0
        assert float(worse.images.max()) <= 1
        assert losses(attacked, worse).sum() > losses(attacked, clean).sum()
        assert torch.equal(worse.ids, clean.ids)
        assert all(parameter.grad is None for parameter in attacked.network.parameters())
    after = attacked.network.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_an_epoch_taken_up_in_its_midst_meets_the_same_attacks() -> None:
    whole = [batch.images.clone() for batch in batches(2).epoch(3)]
    rest = [batch.images.clone() for batch in batches(2).epoch(3, 1)]
    assert all(map(torch.equal, whole[1:], rest))
    one, other = (next(replace(batches(1), seed=seed).epoch(3)) for seed in (7, 8))
    assert not torch.equal(one.images, other.images)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"adversarial": 0.03}, "out of range"),
        ({"adversarial": 256}, "out of range"),
        ({"adversarial_steps": 3}, "nothing is attacked"),
        ({"adversarial": 8, "engine": "manual"}, "computed by autograd"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        vt.train("digits", model="lenet5", progress=False, **fields)  # type: ignore[arg-type]


@pytest.mark.slow
def test_it_makes_a_network_more_robust(tmp_path: object) -> None:
    found = []
    for eps in (None, 16):
        run = vt.train(
            "digits",
            model="lenet5",
            epochs=12,
            adversarial=eps,
            out=f"{tmp_path}/{eps}",
            progress=False,
            doctor=False,
        )
        curve = robustness(run.folder.path, eps=16, progress=False)[0].curve
        found.append(curve[-1].value)
    assert found[1] > found[0] + 0.1, found

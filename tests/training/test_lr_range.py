"""The learning rate finder: a rate that works, and nothing that it leaves changed."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vitreous.data.batches.batch import Batch
from vitreous.errors import TrainingError
from vitreous.losses import cross_entropy
from vitreous.runs.lr_search import find_lr as find_for
from vitreous.training.lr_range import find_lr, judged
from vitreous.training.optimizer import optimizer


def epoch(count: int = 16, size: int = 32) -> Iterator[Batch]:
    centers = 2 * torch.randn(4, 10, generator=torch.Generator().manual_seed(5))
    for number in range(count):
        generator = torch.Generator().manual_seed(number)
        labels = torch.randint(0, 4, (size,), generator=generator)
        points = centers[labels] + torch.randn(size, 10, generator=generator)
        yield Batch(points, {"class": labels}, torch.arange(size))


def loss(outputs: Tensor, targets: dict[str, Tensor]) -> Tensor:
    return cross_entropy(outputs, targets["class"], reduction="none")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 4)
    )


def everything(model: nn.Module, method: torch.optim.Optimizer) -> list[object]:
    """All that must be as before, as values."""
    state = [p.clone() for p in model.state_dict().values()]
    slots = [t.clone() for s in method.state.values() for t in s.values() if torch.is_tensor(t)]
    generators = (random.getstate(), str(np.random.get_state()))  # noqa: NPY002
    rates = [(group["lr"], group.get("initial_lr")) for group in method.param_groups]
    return [
        *(t.numpy().tobytes() for t in [*state, *slots, torch.get_rng_state()]),
        generators,
        rates,
        model.training,
    ]


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("name", ["sgd", "adam", "momentum"])
def test_nothing_is_changed(name: str, accumulate: int) -> None:
    model = network().eval()
    method = optimizer(name, model)
    model.train()
    for batch in epoch(3):  # so that the optimizer has a state
        method.zero_grad()
        loss(model(batch.images), dict(batch.targets)).mean().backward()  # type: ignore[arg-type]
        method.step()
    model.eval()
    before = everything(model, method)
    find_lr(model, epoch, loss, method, accumulate=accumulate)
    assert everything(model, method) == before


def test_one_rate_a_step_whatever_is_accumulated() -> None:
    model = network()
    for accumulate in (1, 4):
        taken = 0

        def counted() -> Iterator[Batch]:
            nonlocal taken
            for batch in epoch():
                taken += 1
                yield batch

        found = find_lr(
            model,
            counted,
            loss,
            optimizer("sgd", model),
            accumulate=accumulate,
            highest=1,
            steps=40,
        )
        assert len(found.rates) == len(found.losses) <= 40
        assert taken == accumulate * len(found.rates)
        steps = np.diff(np.log(found.rates))
        np.testing.assert_allclose(steps, steps[0], rtol=1e-6)


def test_the_rate_found_learns_and_ten_times_the_highest_does_not() -> None:
    model = network()
    found = find_lr(model, epoch, loss, optimizer("sgd", model))
    reached = {}
    for lr in (found.best, found.best / 1000):
        model = network()
        method = torch.optim.SGD(model.parameters(), lr)
        for batch in epoch(40):
            method.zero_grad()
            loss(model(batch.images), dict(batch.targets)).mean().backward()  # type: ignore[arg-type]
            method.step()
        with torch.no_grad():
            (test,) = epoch(1, 500)
            reached[lr] = float(loss(model(test.images), dict(test.targets)).mean())  # type: ignore[arg-type]
    assert reached[found.best] < 0.35 * reached[found.best / 1000]
    assert found.best < found.highest


def test_the_steepest_fall_of_a_known_curve() -> None:
    rates = np.geomspace(1e-4, 1, 81)
    places = np.log10(rates)
    losses = (
        2 - 1 / (1 + np.exp(-6 * (places + 2))) + np.where(places > -0.5, 9 * (places + 0.5), 0)
    )
    found = judged(rates, losses)
    assert found.best == pytest.approx(1e-2, rel=0.2)
    assert "<svg" in found.chart()


def test_a_network_that_no_rate_helps_is_refused() -> None:
    model = network()
    method = optimizer("sgd", model)

    def constant(outputs: Tensor, targets: dict[str, Tensor]) -> Tensor:
        return 0 * outputs.sum(1) + 1.0

    with pytest.raises(TrainingError, match="no learning rate lowers the loss"):
        find_lr(model, epoch, constant, method)
    with pytest.raises(TrainingError, match="none of the network's weights"):
        find_lr(network(), epoch, loss, method)
    with pytest.raises(TrainingError, match="5 steps"):
        find_lr(model, epoch, loss, method, steps=5)


def test_a_rate_for_data_and_a_recipe() -> None:
    found = find_for("digits", model="mlp", optimizer="sgd")
    assert 1e-2 < found.best < 3

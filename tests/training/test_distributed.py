"""Several processes give the numbers of one: the same examples, statistics, masks and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.augment.policies import RECIPES
from vitreous.augment.policy import Augment
from vitreous.blocks.drop import DropPath
from vitreous.data.batches import batches as batches_module
from vitreous.data.batches.batches import Batches
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.columns import ClassNumbers, Column
from vitreous.data.maps import MapArray, Maps
from vitreous.distributed import ALONE, Ranks, joined, world
from vitreous.errors import UsageError
from vitreous.inference.predictor import Predictor
from vitreous.losses.penalty import Penalty
from vitreous.tasks.classify import Classify
from vitreous.tasks.segment import Segment
from vitreous.tasks.task import Task
from vitreous.training.fit import fit

STEPS = 20


class Doubles(nn.Module):
    """Everything that looks beyond one example, in float64."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3),
            DropPath(0.2), nn.Flatten(), nn.Linear(4 * 36, 8, bias=False),
            nn.BatchNorm1d(8, momentum=None), nn.ReLU(), nn.Linear(8, 3),
        ).double()  # fmt: skip
        self.unused = nn.Parameter(torch.ones(2, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.stages(images.double())
        return found


def data(ranks: Ranks, augment: Augment, batch_size: int = 13) -> Batches:
    chance = np.random.default_rng(0)
    rows = chance.integers(0, 256, (53, 8, 8, 1), np.uint8)
    targets = {"class": ClassNumbers(chance.integers(0, 3, 53), ["a", "b", "c"])}
    return Batches(
        rows,
        targets,
        np.arange(53),
        PixelContract(height=8, width=8, channels=1),
        batch_size=batch_size,  # of 13, the last one has 14
        augment=augment,
        weights=chance.uniform(0.1, 2, 53).astype(np.float32),
        threads=1,
        ranks=ranks,
    )


def trained(ranks: Ranks, mixup: float, accumulate: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    network = Doubles()
    batches = data(ranks, Augment(flip=0.5, rotate=10.0, mixup=mixup))
    steps = fit(
        network,
        (batch for epoch in range(STEPS) for batch in batches.epoch(epoch)),
        lambda outputs, targets: F.cross_entropy(outputs, targets["class"], reduction="none"),
        torch.optim.AdamW(network.parameters(), lr=1e-2),
        lambda number: 1.0,
        clip=1.0,
        accumulate=accumulate,
        penalty=Penalty(l1=1e-4, l2=1e-3),
        ranks=ranks,
    )
    seen = [next(steps) for _ in range(STEPS)]
    steps.close()
    told = [(float(step.loss), step.examples, float(step.weight)) for step in seen]
    return {**network.state_dict(), "told": torch.tensor(told, dtype=torch.float64)}


CASES = ((0.0, 1), (0.4, 1), (0.0, 3))


class TwoByTwo(Predictor):
    """Few rows at once, so that few examples are many portions."""

    together = 2


def measured(ranks: Ranks, count: int) -> dict[str, Any]:
    """What two kinds of meters say of so many examples."""
    chance = np.random.default_rng(count)
    rows = chance.integers(0, 256, (count, 8, 8, 1), np.uint8)
    contract = PixelContract(height=8, width=8, channels=1)
    names = ["a", "b", "c"]
    classes = ClassNumbers(chance.integers(0, 3, count), names)
    masks = Maps(MapArray(chance.integers(0, 3, (count, 8, 8), np.uint8)), names)
    torch.manual_seed(0)
    flat, wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), nn.Conv2d(1, 3, 3, padding=1)
    asked: tuple[tuple[Task, Column, nn.Module], ...] = (
        (Classify(classes=tuple(names)), classes, flat),
        (Segment(classes=tuple(names)), masks, wide),
    )
    found: dict[str, Any] = {}
    ids = np.arange(count)[::-1]
    for task, column, network in asked:
        heard: list[Tensor] = []
        predictor = TwoByTwo(model=network, task=task, contract=contract)
        targets = {next(iter(task.needs)): column}
        meter = predictor.measure(rows, targets, ids, None, heard.append, ranks)
        found[task.name] = {
            "scores": task.scores(meter).to_json(),
            "heard": torch.cat(ranks.gathered(heard)).numpy().tobytes(),
            "seen": len(meter),
        }
    return found


def work(ranks: Ranks) -> Any:
    cases = CASES if ranks.size == 2 else CASES[:1]
    found = [trained(ranks, *case) for case in cases]
    weights = [{name: value.numpy() for name, value in each.items()} for each in found]
    return weights, [measured(ranks, count) for count in range(1, 14)]


@pytest.mark.parametrize("size", [2, 3])
def test_processes_give_the_numbers_of_one(together: Callable[..., Any], size: int) -> None:
    """Weights after 20 steps to 1e-10, and evaluation of 1 to 13 examples to the last bit."""
    found = together(work, size)
    for number, case in enumerate(CASES[: len(found[0][0])]):
        alone = trained(ALONE, *case)
        for weights, _ in found:
            for name, value in alone.items():
                near = torch.from_numpy(weights[number][name])
                # Losses and weights are told in float32 where the examples have weights.
                bound = 1e-5 if name == "told" else 1e-10
                torch.testing.assert_close(near, value, rtol=0, atol=bound, msg=f"{name} {case}")
            for name, value in found[0][0][number].items():  # among each other the same bits
                np.testing.assert_array_equal(weights[number][name], value)
    for count in range(1, 14):
        alone = measured(ALONE, count)
        assert alone["classify"]["seen"] == count
        for _, evaluated in found:
            assert evaluated[count - 1] == alone


def test_a_world_of_one_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with joined() as ranks:
        assert ranks == ALONE
        assert ranks.share(7) == slice(0, 7)
        assert ranks.gathered([1, 2]) == [1, 2]
        assert ranks.highest(3, 4) == [3, 4]


def test_a_rank_without_a_world_is_alone_and_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else such a variable of another program would keep a result from being printed."""
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("RANK", "1")
    assert world().first
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(UsageError, match="two"):
        world()


@pytest.mark.parametrize("policy", RECIPES)
def test_shares_without_an_example_are_prepared_too(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches_module, "BLOCK", 1)  # each batch by itself
    for augment in RECIPES[policy].values():
        batches = data(Ranks(0, 3), augment, batch_size=2)
        assert [len(batch) for batch in batches.epoch(0)] == [0] * (len(batches) - 1) + [1]


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("count", range(14))
def test_shares_cover_each_thing_once_and_are_of_equal_size(count: int, size: int) -> None:
    shares = [range(count)[Ranks(rank, size).share(count)] for rank in range(size)]
    assert [place for share in shares for place in share] == [*range(count)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1

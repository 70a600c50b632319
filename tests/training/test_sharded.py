"""Processes that keep a share of the weights each give the numbers of one that has all."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.conv import ConvNormAct
from vitreous.data.batches.batch import Batch
from vitreous.distributed import ALONE, Ranks
from vitreous.losses.penalty import Penalty
from vitreous.models.network import Network
from vitreous.training import checkpoint
from vitreous.training.average import Average
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer
from vitreous.training.sharded import collected, own, shard, spread, whole

STEPS = 5
CASES: dict[str, dict[str, Any]] = {
    "adamw": {"clip": 0.5},
    "nesterov": {"accumulate": 2, "penalty": Penalty(l1=1e-3, l2=1e-3)},
}


class Small(Network):
    """Stages of sizes that two and three do not divide, in float64."""

    def __init__(self) -> None:
        super().__init__(1)
        self.conv1 = ConvNormAct(1, 5)
        self.rest = nn.Sequential(ConvNormAct(5, 7), ConvNormAct(7, 7))
        self.flatten = nn.Flatten()
        self.head = nn.Linear(7 * 36, 3)


def trained(ranks: Ranks, name: str) -> dict[str, Any]:
    torch.manual_seed(0)
    network = Small().double().to(memory_format=torch.channels_last)
    skeleton = shard(network, ranks) if ranks.size > 1 else None
    images = torch.rand(13, 1, 6, 6, generator=torch.Generator().manual_seed(1)).double()
    batch = Batch(images, {"class": torch.arange(13) % 3}, torch.arange(13))
    batch = batch.part(ranks.share(13)) if ranks.size > 1 else batch
    method, average = optimizer(name, network), Average(network, 0.5)

    def learn(steps: int, done: int = 0) -> list[float]:
        supply = [batch] * (steps * CASES[name].get("accumulate", 1))
        loss = by_example
        found = fit(
            network, supply, loss, method, average=average, first_step=done, ranks=ranks,
            **CASES[name],
        )  # fmt: skip
        return [float(step.loss) for step in found]

    losses = learn(3)
    # What a checkpoint holds is whole, whoever reads it; then weights and all state are spoiled.
    parts = {"network": network, "optimizer": method, "average": average}
    state = copy.deepcopy(collected(checkpoint.gather(**parts)))
    sizes = [own(p).numel() for p in network.parameters()]
    sizes += [own(t).numel() for held in method.state.values() for t in held.values() if t.ndim]
    learn(1, 3)
    checkpoint.restore(spread(copy.deepcopy(state), network, method), **parts)
    losses += learn(STEPS - 3, 3)
    complete = whole(skeleton, network) if skeleton else network
    with average.applied(network):
        averaged = whole(skeleton, network) if skeleton else network
        with torch.inference_mode():
            answers = averaged.eval()(images[: ranks.rank + 1])  # each asks as much as it likes
    return {
        "weights": {key: value.numpy() for key, value in complete.state_dict().items()},
        "answers": answers.numpy(),
        "losses": losses,
        "size": sum(sizes),
        "kind": type(complete).__name__,
        "state": {key: value.numpy() for key, value in tensors(state).items()},
    }


def by_example(outputs: Tensor, targets: Any) -> Tensor:
    return F.cross_entropy(outputs, targets["class"], reduction="none")


def tensors(state: Any, name: str = "") -> dict[str, Tensor]:
    """The tensors of a nested state, by where they stand."""
    if isinstance(state, Tensor):
        return {name: state}
    pairs = state.items() if isinstance(state, dict) else enumerate(state)
    found: dict[str, Tensor] = {}
    for key, value in pairs:
        if isinstance(value, dict | list | tuple | Tensor):
            found |= tensors(value, f"{name}.{key}")
    return found


def work(ranks: Ranks) -> list[dict[str, Any]]:
    return [trained(ranks, name) for name in CASES]


@pytest.mark.parametrize("size", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_weights_state_and_answers_are_those_of_one(
    together: Callable[..., Any], size: int
) -> None:
    found = together(work, size)
    for number, name in enumerate(CASES):
        alone = trained(ALONE, name)
        for rank, each in enumerate(found):
            told = each[number]
            assert told["kind"] == "Small"
            assert told["losses"] == pytest.approx(alone["losses"], abs=1e-10)
            for what in ("weights", "state"):
                assert told[what].keys() == alone[what].keys()
                for key, value in alone[what].items():
                    torch.testing.assert_close(
                        torch.from_numpy(told[what][key]), torch.from_numpy(value), rtol=0,
                        atol=1e-10, msg=f"{name} {what} {key}",
                    )  # fmt: skip
            torch.testing.assert_close(
                torch.from_numpy(told["answers"][0]), torch.from_numpy(alone["answers"][0]),
                rtol=0, atol=1e-10,
            )  # fmt: skip
            assert len(told["answers"]) == rank + 1
            assert told["size"] < alone["size"] * (1 / size + 0.15)  # 5 rows are 3 and 2
        assert sum(each[number]["size"] for each in found) == alone["size"]

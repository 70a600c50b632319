from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from vitreous.data.batches.batch import Batch
from vitreous.training.fit import fit
from vitreous.training.reproduce import (
    deterministic,
    seed_everything,
    seed_step,
    seeded,
    step_seeded,
)


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


def test_every_generator_is_seeded() -> None:
    seed_everything(2**40 + 3)
    first = draws()
    assert draws() != first
    seed_everything(2**40 + 3)
    assert draws() == first
    seed_everything(4)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_steps_have_seeds_of_their_own() -> None:
    values = set()
    for seed in range(20):
        for number in range(50):
            seed_step(seed, number)
            values.add(torch.rand((), dtype=torch.float64).item())
    assert len(values) == 1000  # (1, 11) is not (11, 1), nor the sum
    seed_step(3, 7)
    again = torch.rand((), dtype=torch.float64).item()
    assert again in values


def test_deterministic_mode_ends_with_its_block() -> None:
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(ValueError, match="out"), deterministic():
        assert torch.are_deterministic_algorithms_enabled()
        raise ValueError("out")
    assert not torch.are_deterministic_algorithms_enabled()
    with deterministic(False):
        assert not torch.are_deterministic_algorithms_enabled()


def states() -> tuple[object, ...]:
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002


def test_a_seeded_block_leaves_the_generators_as_they_were() -> None:
    before = states()
    with seeded(5):
        first = draws()
    assert states() == before
    with pytest.raises(ValueError, match="out"), seeded(5):
        assert draws() == first
        raise ValueError("out")
    assert states() == before
    with step_seeded(5, 1):
        assert states() != before
    assert states() == before


def test_threads_do_not_take_each_others_numbers() -> None:
    """Networks with dropout that are trained at the same time, as alone."""

    def learned(seed: int) -> list[float]:
        with seeded(seed):
            model = nn.Sequential(nn.Linear(4, 32), nn.Dropout(0.5), nn.Linear(32, 2))
        images, labels = torch.linspace(0, 1, 32).reshape(8, 4), torch.tensor([0, 1] * 4)
        batches = [Batch(images, {"class": labels}, np.arange(8))] * 60

        def loss(outputs: torch.Tensor, targets: Any) -> torch.Tensor:
            return nn.functional.cross_entropy(outputs, targets["class"], reduction="none")

        method = torch.optim.SGD(model.parameters(), 0.5)
        return [float(s.loss) for s in fit(model, batches, loss, method, lambda _: 1.0, seed=seed)]

    alone = [learned(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(learned, range(4))] == alone

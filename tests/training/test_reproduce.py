from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from vitreous.training.reproduce import deterministic, seed_everything, seed_step


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

"""The whitening layer: unit covariance on the patches that it was computed from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from vitreous.blocks import whiten as module
from vitreous.blocks.normalize import Normalize
from vitreous.blocks.whiten import WhiteningConv2d, patches, whiten

ROWS = np.random.default_rng(0).integers(0, 256, (40, 9, 8, 3), dtype=np.uint8)
ROWS[..., 1] = ROWS[..., 0] // 2 + ROWS[..., 1] // 2  # channels and neighbors that go together
ROWS[:, 1:] = ROWS[:, :-1] // 3 + ROWS[:, 1:] // 2


def network(rows: NDArray[np.uint8]) -> nn.Sequential:
    pixels = rows.reshape(-1, rows.shape[3]) / 255
    normalize = Normalize(rows.shape[3], pixels.mean(0).tolist(), pixels.std(0).tolist())
    return nn.Sequential(normalize, WhiteningConv2d(rows.shape[3]))


def answers(made: nn.Module, rows: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n, 2 C k²) what the layer makes of every patch."""
    images = torch.from_numpy(rows).permute(0, 3, 1, 2).double() / 255
    with torch.no_grad():
        found = made.double()(images)
    return np.asarray(found.permute(0, 2, 3, 1).reshape(-1, found.shape[1]))


def test_patches_become_white(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST", 0.0)
    made = network(ROWS)
    assert whiten(made, [ROWS[:13], ROWS[13:]])
    found = answers(made, ROWS)
    assert found.shape == (40 * 8 * 7, 24)
    np.testing.assert_allclose(np.cov(found[:, :12].T, bias=True), np.eye(12), atol=1e-5)
    np.testing.assert_allclose(found[:, 12:], -found[:, :12])


def test_what_hardly_varies_is_not_blown_up() -> None:
    gray = np.repeat(ROWS[..., :1], 3, axis=3)  # four directions are left of twelve
    made = network(gray)
    whiten(made, [gray])
    found = answers(made, gray)
    variances = found.var(axis=0)
    assert np.all(variances[:4] > 0.99)
    assert np.all(variances[:4] < 1)
    assert not variances[4:12].any()


def test_it_is_frozen_but_for_its_bias() -> None:
    made = network(ROWS)
    assert [p.requires_grad for p in made[1].parameters()] == [False, True]
    assert not whiten(nn.Conv2d(3, 4, 3), [])  # a network without one looks at nothing


def test_patches_are_those_of_the_images() -> None:
    found = patches(ROWS[:2], 2)
    assert np.array_equal(found[0], ROWS[0, :2, :2])
    assert np.array_equal(found[7], ROWS[0, 1:3, :2])
    assert np.array_equal(found[-1], ROWS[1, -2:, -2:])

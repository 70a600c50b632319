"""The loss of densities: its parts by hand, and a gradient that moves the sum."""

from __future__ import annotations

import pytest
import torch

from vitreous.losses import squared_count, squared_error


def test_its_parts_by_hand() -> None:
    targets = torch.zeros(2, 1, 2, 2)
    targets[0, 0, 0, 0] = 4.0  # two things at a scale of 2
    given = targets + torch.tensor([0.5, 0.0])[:, None, None, None]
    found = squared_count(given, targets, scale=2.0, reduction="none")
    off = (4 * 0.5 / 2) / (2 + 1)  # a thing too much, of two
    assert found.tolist() == pytest.approx([0.25 + 0.1 * off**2 / 2, 0])
    assert squared_count(given, targets, scale=2.0) == pytest.approx(float(found.mean()))


def test_a_sum_that_is_right_adds_nothing() -> None:
    draw = torch.Generator().manual_seed(0)
    targets = torch.rand(3, 2, 4, 4, generator=draw)
    given = targets.flip(3)
    plain = squared_error(given, targets, reduction="none")
    torch.testing.assert_close(squared_count(given, targets, reduction="none"), plain)

from __future__ import annotations

import torch

from vitreous.losses import hinge

SCORES = torch.tensor([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]]).double()


def test_by_hand() -> None:
    """Three classes with the right answers 0, 1, 2: the sums are 2.9, 0 and 12.9."""
    losses = hinge(SCORES, torch.tensor([0, 1, 2]), reduction="none")
    torch.testing.assert_close(losses * 3, torch.tensor([2.9, 0.0, 12.9]).double())


def test_hard_and_soft_targets_agree() -> None:
    hard = torch.tensor([0, 1, 2])
    weights = torch.tensor([0.5, 1.0, 2.0]).double()
    soft = torch.nn.functional.one_hot(hard, 3).double()
    for options in ({}, {"weights": weights}, {"margin": 2.0}):
        torch.testing.assert_close(hinge(SCORES, hard, **options), hinge(SCORES, soft, **options))


def test_mixed_targets_mix_losses() -> None:
    mixed = torch.tensor([[0.25, 0.75, 0.0]]).double()
    first = hinge(SCORES[:1], torch.tensor([0]))
    second = hinge(SCORES[:1], torch.tensor([1]))
    torch.testing.assert_close(hinge(SCORES[:1], mixed), 0.25 * first + 0.75 * second)

"""Pruning keeps the largest weights, and what is masked stays as it is."""

from __future__ import annotations

import torch

from vitreous.labs.lottery_ticket import pruned
from vitreous.labs.many_networks import born, train


def test_the_largest_weights_are_kept_network_by_network() -> None:
    stack = born((3, 4, 2), 2, seed=3)
    ones = [torch.ones_like(weight) for weight in stack.weights]
    once = pruned(stack, ones, 0.5)
    assert [mask.sum((1, 2)).tolist() for mask in once] == [[6, 6], [6, 6]]  # 12·½ and 8·¾
    for weight, mask in zip(stack.weights, once, strict=True):
        for sizes, kept in zip(weight.abs(), mask, strict=True):
            assert sizes[kept > 0].min() > sizes[kept == 0].max()
    twice = pruned(stack, once, 0.5)
    assert twice[0].sum((1, 2)).tolist() == [3, 3]
    assert bool((twice[0] <= once[0]).all())  # what is gone stays gone


def test_masked_weights_do_not_move_and_the_others_do() -> None:
    stack = born((2, 8, 1), 3, seed=0)
    masks = [(torch.rand_like(weight) < 0.5).float() for weight in stack.weights]
    before = [weight.clone() for weight in stack.weights]
    x = torch.randn(20, 2)
    train(stack, x, x[:, :1] * x[:, 1:], steps=3, lr=0.05, masks=masks)
    for old, weight, mask in zip(before, stack.weights, masks, strict=True):
        assert torch.equal(weight[mask == 0], old[mask == 0])
        assert not torch.equal(weight[mask == 1], old[mask == 1])

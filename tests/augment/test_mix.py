from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from vitreous.augment.mix import cutmix, mixup, share
from vitreous.data.batches.counter_random import uniforms
from vitreous.data.columns import ClassNumbers, Marks

COLUMN = ClassNumbers(np.zeros(0), "abcde")
PARTNERS = torch.tensor([3, 0, 5, 1, 2, 4])


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(6, 3, 8, 10, generator=generator)
    targets = torch.randint(0, 5, (6,), generator=generator)
    return images, targets


def mixed(method, λ):
    """Images, and their targets blended."""
    images, targets = batch()
    if method == "mixup":
        return mixup(images, PARTNERS, λ), COLUMN.blend(targets, PARTNERS, λ)
    pasted, kept = cutmix(images, PARTNERS, λ, 0.4, 0.8)
    return pasted, COLUMN.blend(targets, PARTNERS, kept)


@pytest.mark.parametrize("method", ["mixup", "cutmix"])
@pytest.mark.parametrize("λ", [0.0, 0.1, 0.5, 0.77, 1.0])
def test_targets_sum_to_one(method, λ):
    _, targets = mixed(method, λ)
    torch.testing.assert_close(targets.sum(1), torch.ones(6))
    assert (targets >= 0).all()


@pytest.mark.parametrize("method", ["mixup", "cutmix"])
def test_a_share_of_one_is_exactly_the_identity_and_of_zero_the_partner(method):
    images, targets = batch()
    hard = F.one_hot(targets, 5).float()
    same, other = mixed(method, 1.0), mixed(method, 0.0)
    assert torch.equal(same[0], images)
    assert torch.equal(same[1], hard)
    assert torch.equal(other[0], images[PARTNERS])
    assert torch.equal(other[1], hard[PARTNERS])


@pytest.mark.parametrize("method", ["mixup", "cutmix"])
def test_cross_entropy_is_mixed_like_the_targets(method):
    """CE(mix) = λ CE(own) + (1 - λ) CE(partner), for any logits."""
    _, own = batch()
    _, targets = mixed(method, 0.3)
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(2)).double()
    λ = 0.3 if method == "mixup" else 1 - (7 * 8) / (8 * 10)
    one, other = (F.cross_entropy(logits, each, reduction="none") for each in (own, own[PARTNERS]))
    both = F.cross_entropy(logits, targets.double(), reduction="none")
    torch.testing.assert_close(both, λ * one + (1 - λ) * other, rtol=1e-6, atol=1e-6)


def test_mixup_is_the_convex_combination():
    images, _ = batch()
    torch.testing.assert_close(mixed("mixup", 0.3)[0], 0.3 * images + 0.7 * images[PARTNERS])


def test_cutmix_pastes_one_box_and_counts_its_pixels():
    images, targets = batch()
    pasted, shares = mixed("cutmix", 0.3)
    changed = (pasted != images).any(1)
    assert torch.all((pasted == images[PARTNERS]).all(1) | ~changed)
    box = changed[0]
    rows, columns = box.any(1).sum(), box.any(0).sum()
    assert box.sum() == rows * columns
    kept = 1 - box.sum() / 80
    hard = F.one_hot(targets, 5)
    torch.testing.assert_close(shares, kept * hard + (1 - kept) * hard[PARTNERS])


def test_several_labels_are_mixed_too():
    targets = (torch.rand(6, 4, generator=torch.Generator().manual_seed(3)) < 0.5).float()
    shares = Marks(np.zeros((0, 4)), "abcd").blend(targets, PARTNERS, 0.25)
    torch.testing.assert_close(shares, 0.25 * targets + 0.75 * targets[PARTNERS])


@pytest.mark.parametrize("strength", [0.2, 1.0, 4.0])
def test_shares_have_the_beta_distribution(strength):
    shares = [share(strength, u) for u in uniforms(0, 0, np.arange(3000), 1)[:, 0]]
    assert stats.kstest(shares, stats.beta(strength, strength).cdf).pvalue > 1e-4
    assert share(0.0, 0.3) == 1.0

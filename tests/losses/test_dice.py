from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.errors import ShapeError
from vitreous.losses import cross_entropy, cross_entropy_dice, dice

IGNORED = 255


def by_hand(logits, masks, ignore=None, weights=None):
    """Pixel by pixel, in NumPy."""
    losses = []
    for scores, mask in zip(logits.numpy(), masks.numpy(), strict=True):
        p = np.exp(scores - scores.max(0))
        p /= p.sum(0)
        keep = mask != ignore
        found, total = 0.0, 0.0
        for c in range(len(scores)):
            truth = (mask == c) & keep
            if not truth.any():
                continue
            overlap = 2 * p[c][truth].sum() / (p[c][keep].sum() + truth.sum())
            weight = 1.0 if weights is None else float(weights[c])
            found, total = found + weight * (1 - overlap), total + weight
        losses.append(found / total if total else 0.0)
    return torch.tensor(losses)


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, 6, generator=generator, dtype=torch.float64)
    masks = torch.randint(0, 3, (3, 5, 6), generator=generator)  # none shows the last class
    masks[0, 1:3] = IGNORED
    masks[2] = IGNORED
    return logits, masks


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 0.5, 7.0]).double()])
def test_pixel_by_pixel(maps, weights):
    logits, masks = maps
    expected = by_hand(logits, masks, IGNORED, weights)
    found = dice(logits, masks, ignore=IGNORED, weights=weights, reduction="none")
    torch.testing.assert_close(found, expected, check_dtype=False)
    assert found[2] == 0
    mean = dice(logits, masks, ignore=IGNORED, weights=weights)
    torch.testing.assert_close(mean, expected[:2].mean(), check_dtype=False)


def test_ignored_pixels_have_no_gradient(maps):
    logits, masks = maps
    logits.requires_grad_()
    dice(logits, masks, ignore=IGNORED).backward()
    ignored = (masks == IGNORED)[:, None].expand_as(logits)
    assert (logits.grad[ignored] == 0).all()
    assert (logits.grad[:2][~ignored[:2]] != 0).all()


def test_derivative(maps):
    logits, masks = maps
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: dice(x, masks, ignore=IGNORED), logits)


def test_what_is_right_costs_nothing_and_what_is_wrong_everything():
    masks = torch.tensor([[[0, 1], [1, 0]]])
    right = 50 * torch.nn.functional.one_hot(masks, 2).movedim(-1, 1).double()
    assert dice(right, masks) < 1e-9
    assert dice(-right, masks) > 1 - 1e-9


def test_a_small_region_counts_as_much_as_a_large_one():
    """Losing one of 100 pixels costs cross-entropy little, and Dice a half."""
    masks = torch.zeros(1, 10, 10, dtype=torch.int64)
    masks[0, 0, 0] = 1
    logits = torch.zeros(1, 2, 10, 10)
    logits[:, 0] = 20
    assert dice(logits, masks) == pytest.approx(0.5, abs=0.01)


def test_with_cross_entropy(maps):
    logits, masks = maps
    weights = torch.tensor([1.0, 2.0, 0.5, 7.0]).double()
    options = {"ignore": IGNORED, "weights": weights, "reduction": "none"}
    expected = cross_entropy(logits, masks, **options) + dice(logits, masks, **options)
    torch.testing.assert_close(cross_entropy_dice(logits, masks, **options), expected)


def test_whole_images_have_no_regions():
    with pytest.raises(ShapeError, match="have no regions"):
        dice(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))

"""Hard-example mining: the hardest share alone counts, in a batch and in an image."""

from __future__ import annotations

import pytest
import torch

from vitreous.losses import cross_entropy, hard_cross_entropy
from vitreous.losses.hard import HARDEST

RANDOM = torch.Generator().manual_seed(0)
LOGITS = torch.randn(8, 3, generator=RANDOM, dtype=torch.float64)
TARGETS = torch.randint(0, 3, (8,), generator=RANDOM)
MAPS = torch.randn(2, 3, 4, 5, generator=RANDOM, dtype=torch.float64)
MASKS = torch.randint(0, 3, (2, 4, 5), generator=RANDOM)
MASKS[0, 0] = 255
WEIGHTS = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)


@pytest.mark.parametrize("options", [{}, {"smoothing": 0.2}, {"weights": WEIGHTS}])
def test_with_everything_kept_it_is_cross_entropy(options: dict) -> None:
    for logits, targets, more in ((LOGITS, TARGETS, {}), (MAPS, MASKS, {"ignore": 255})):
        for reduction in ("none", "mean"):
            torch.testing.assert_close(
                hard_cross_entropy(
                    logits, targets, share=1.0, reduction=reduction, **options, **more
                ),
                cross_entropy(logits, targets, reduction=reduction, **options, **more),
            )


def test_the_hardest_examples_of_a_batch() -> None:
    leaf = LOGITS.clone().requires_grad_()
    losses = hard_cross_entropy(leaf, TARGETS, reduction="none")
    each = cross_entropy(LOGITS, TARGETS, reduction="none")
    hardest = each.argsort(descending=True)[: round(8 * HARDEST)]
    assert losses.nonzero().flatten().tolist() == sorted(hardest.tolist())
    torch.testing.assert_close(losses.mean(), each[hardest].mean())
    (gradient,) = torch.autograd.grad(losses.mean(), leaf)
    assert gradient.any(1).nonzero().flatten().tolist() == sorted(hardest.tolist())


def test_the_hardest_pixels_of_each_image_that_count() -> None:
    losses = hard_cross_entropy(MAPS, MASKS, ignore=255, reduction="none")
    for logits, mask, loss in zip(MAPS, MASKS, losses, strict=True):
        known = mask.flatten() != 255
        table = logits.flatten(1).T[known]
        each = cross_entropy(table, mask.flatten()[known], reduction="none")
        kept = each.sort(descending=True).values[: -(-int(known.sum()) // 4)]
        torch.testing.assert_close(loss, kept.mean())


def test_an_image_without_a_class_teaches_nothing() -> None:
    leaf = MAPS.clone().requires_grad_()
    masks = torch.full_like(MASKS, 255)
    losses = hard_cross_entropy(leaf, masks, ignore=255, reduction="none")
    (gradient,) = torch.autograd.grad(losses.sum(), leaf)
    assert losses.tolist() == [0, 0]
    assert not gradient.any()

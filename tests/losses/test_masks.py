"""Losses over masks: the mean of the pixels that count, image by image, against torch's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import gradcheck

from vitreous.losses import cross_entropy, focal

IGNORE = 255
CLASSES = 4
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 0.0]).double()


def logits(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, CLASSES, 3, 5, generator=generator, dtype=torch.float64) * 2


@pytest.fixture
def masks() -> Tensor:
    """The first image counts whole, the third in one pixel, the last in none."""
    generator = torch.Generator().manual_seed(1)
    made = torch.randint(0, CLASSES, (4, 3, 5), generator=generator)
    made[1, :, 2:] = IGNORE
    made[2] = IGNORE
    made[2, 1, 3] = 2
    made[3] = IGNORE
    return made


OPTIONS = [
    {"smoothing": smoothing, "weights": weights}
    for smoothing in (0.0, 0.1)
    for weights in (None, WEIGHTS)
]


@pytest.mark.parametrize("options", OPTIONS)
def test_each_image_is_torchs_sum_over_what_counts(masks: Tensor, options: dict) -> None:
    z, weights = logits().requires_grad_(), options["weights"]
    pixels = F.cross_entropy(
        z,
        masks,
        label_smoothing=options["smoothing"],
        ignore_index=IGNORE,
        reduction="none",
    )
    if weights is not None:  # of the class that the pixel has, and not of those it is smoothed to
        pixels = pixels * weights[masks.where(masks != IGNORE, 0)]
    expected = pixels.sum((1, 2)) / torch.tensor([15, 6, 1, 1])
    (theirs,) = torch.autograd.grad(expected.sum(), z, retain_graph=True)
    for loss in (cross_entropy, partial(focal, gamma=0.0)):
        found = loss(z, masks, ignore=IGNORE, reduction="none", **options)
        (ours,) = torch.autograd.grad(found.sum(), z)
        assert found[3] == 0
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_one_image_has_torchs_mean(masks: Tensor, weights: Tensor | None) -> None:
    for number in range(3):
        z, mask = logits()[number : number + 1], masks[number : number + 1]
        expected = F.cross_entropy(z, mask, weight=weights, ignore_index=IGNORE)
        torch.testing.assert_close(cross_entropy(z, mask, weights=weights, ignore=IGNORE), expected)


@pytest.mark.parametrize("loss", [cross_entropy, focal])
@pytest.mark.parametrize("options", OPTIONS)
def test_finite_differences(loss: Callable[..., Tensor], masks: Tensor, options: dict) -> None:
    z = logits().requires_grad_()
    assert gradcheck(lambda z: loss(z, masks, ignore=IGNORE, reduction="none", **options), z)
    assert gradcheck(lambda z: loss(z, masks, ignore=IGNORE, **options), z)


@pytest.mark.parametrize("loss", [cross_entropy, focal])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_pixel_is_an_example_of_its_own(
    loss: Callable[..., Tensor], masks: Tensor, options: dict
) -> None:
    """Images of one pixel have the loss of class numbers."""
    z, numbers = logits()[0, :, 0].T, masks[0, 0]
    for reduction in ("none", "mean"):
        torch.testing.assert_close(
            loss(z[:, :, None, None], numbers[:, None, None], reduction=reduction, **options),
            loss(z, numbers, reduction=reduction, **options),
        )


@pytest.mark.parametrize("loss", [cross_entropy, focal])
def test_what_is_ignored_has_no_influence(loss: Callable[..., Tensor], masks: Tensor) -> None:
    z = logits()
    elsewhere = torch.where((masks == IGNORE)[:, None], z + 100 * logits(2), z)
    for reduction in ("none", "mean"):
        torch.testing.assert_close(
            loss(elsewhere, masks, ignore=IGNORE, reduction=reduction),
            loss(z, masks, ignore=IGNORE, reduction=reduction),
            rtol=0,
            atol=0,
        )


@pytest.mark.parametrize("loss", [cross_entropy, focal])
def test_an_image_without_truth_has_no_part_in_the_mean(
    loss: Callable[..., Tensor], masks: Tensor
) -> None:
    z = logits()
    for weights in (None, WEIGHTS, torch.ones(CLASSES).double()):
        torch.testing.assert_close(
            loss(z, masks, ignore=IGNORE, weights=weights),
            loss(z[:3], masks[:3], ignore=IGNORE, weights=weights),
        )
    nothing = torch.full_like(masks, IGNORE)
    assert loss(z, nothing, ignore=IGNORE) == 0
    assert loss(z, nothing, ignore=IGNORE, weights=WEIGHTS) == 0


def test_numbers_that_are_no_class_are_not_ignored_unasked(masks: Tensor) -> None:
    """Torch's own default would leave out -100."""
    for number in (IGNORE, -100):
        wrong = masks.where(masks != IGNORE, number)
        for loss in (cross_entropy, focal):
            with pytest.raises((IndexError, RuntimeError), match=r"out of (bounds|range)"):
                loss(logits(), wrong)


def test_class_numbers_can_be_ignored_too() -> None:
    z, numbers = logits()[:, :, 0, 0], torch.tensor([1, IGNORE, 0, IGNORE])
    for loss in (cross_entropy, focal):
        found = loss(z, numbers, ignore=IGNORE, reduction="none")
        assert found[[1, 3]].tolist() == [0, 0]
        torch.testing.assert_close(
            found[[0, 2]], loss(z[[0, 2]], numbers[[0, 2]], reduction="none")
        )
        torch.testing.assert_close(loss(z, numbers, ignore=IGNORE), found.sum() / 2)

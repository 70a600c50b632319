"""What holds for every loss, with hard and with soft targets."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from vitreous.errors import ShapeError
from vitreous.losses import (
    absolute_error,
    binary_cross_entropy,
    binary_hinge,
    cross_entropy,
    focal,
    hinge,
    huber,
    smooth_l1,
    squared_error,
)

HARD = torch.tensor([2, 0, 1, 2])
SHARES = torch.tensor([[0.2, 0.8, 0], [1, 0, 0], [0, 0.5, 0.5], [0.1, 0.2, 0.7]]).double()
LABELS = torch.tensor([[1, 1, 0], [0, 0, 0], [1, 0, 1], [0, 1, 0]]).double()
WEIGHTS = torch.tensor([0.5, 1.0, 2.0]).double()

CASES = {
    "cross_entropy": (cross_entropy, HARD),
    "cross_entropy soft": (cross_entropy, SHARES),
    "cross_entropy smooth": (partial(cross_entropy, smoothing=0.1), HARD),
    "cross_entropy weighted": (partial(cross_entropy, weights=WEIGHTS), SHARES),
    "focal": (focal, HARD),
    "focal soft": (partial(focal, weights=WEIGHTS, smoothing=0.1), SHARES),
    "hinge": (hinge, HARD),
    "hinge soft": (partial(hinge, weights=WEIGHTS), SHARES),
    "binary": (binary_cross_entropy, LABELS),
    "binary focal": (partial(binary_cross_entropy, gamma=2.0, smoothing=0.1), LABELS),
    "binary weighted": (partial(binary_cross_entropy, positives=WEIGHTS), LABELS),
    "binary hinge": (partial(binary_hinge, positives=WEIGHTS), LABELS),
    "squared": (squared_error, SHARES),
    "absolute": (absolute_error, SHARES + 0.05),
    "huber": (partial(huber, delta=0.7), SHARES + 0.05),
    "smooth l1": (partial(smooth_l1, delta=2.0), SHARES + 0.05),
}


@pytest.fixture(params=CASES, name="case")
def _case(request: pytest.FixtureRequest) -> tuple:
    return CASES[request.param]


def outputs(seed: int = 0) -> Tensor:
    # Rounded to thirds and shifted: hinges, whose kinks lie at differences of 1, stay smooth here.
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(4, 3, generator=generator, dtype=torch.float64) * 3
    ).round() / 3 + torch.tensor([0.0, 0.11, 0.25])


def test_gradients_match_finite_differences(case: tuple) -> None:
    loss, targets = case
    logits = outputs().requires_grad_()
    assert gradcheck(lambda z: loss(z, targets, reduction="none"), logits)
    assert gradcheck(lambda z: loss(z, targets), logits)


def test_one_number_an_example_and_none_below_zero(case: tuple) -> None:
    loss, targets = case
    losses = loss(outputs(), targets, reduction="none")
    assert losses.shape == (4,)
    assert (losses >= 0).all()


def test_examples_do_not_see_each_other(case: tuple) -> None:
    loss, targets = case
    order = torch.tensor([3, 1, 0, 2])
    losses = loss(outputs(), targets, reduction="none")
    permuted = loss(outputs()[order], targets[order], reduction="none")
    torch.testing.assert_close(permuted, losses[order], rtol=0, atol=0)
    torch.testing.assert_close(loss(outputs()[order], targets[order]), loss(outputs(), targets))


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "hinge", "binary", "binary hinge"])
def test_a_sure_right_answer_costs_nothing(name: str) -> None:
    loss, targets = CASES[name]
    wanted = targets if targets.ndim == 2 else torch.nn.functional.one_hot(targets, 3).double()
    torch.testing.assert_close(
        loss(100 * wanted - 50, targets, reduction="none"),
        torch.zeros(4).double(),
        rtol=0,
        atol=1e-12,
    )


def test_extreme_logits_stay_finite(case: tuple) -> None:
    loss, targets = case
    logits = (outputs() * 1e4).requires_grad_()
    loss(logits, targets).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "hinge"])
@pytest.mark.parametrize(
    ("logits", "targets"),
    [
        ((4, 3), torch.zeros(3, dtype=torch.int64)),
        ((4, 3), torch.zeros(4, 2)),
        ((4, 3), torch.zeros(4, 1, dtype=torch.int64)),
        ((4, 3), torch.zeros(4, dtype=torch.uint8)),
        ((4, 3, 2, 5), torch.zeros(4, dtype=torch.int64)),
        ((4, 3, 2, 5), torch.zeros(4, 5, 2, dtype=torch.int64)),
        ((4, 3, 2, 5), torch.zeros(4, 2, 5, dtype=torch.uint8)),
        ((4, 3, 2, 5), torch.zeros(4, 3, 2, 5)),
    ],
)
def test_targets_that_do_not_fit(name: str, logits: tuple[int, ...], targets: Tensor) -> None:
    with pytest.raises(ShapeError, match="do not fit logits"):
        CASES[name][0](torch.zeros(logits), targets)


def test_the_hinge_knows_no_masks() -> None:
    with pytest.raises(ShapeError, match="do not fit logits"):
        hinge(torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 5, dtype=torch.int64))

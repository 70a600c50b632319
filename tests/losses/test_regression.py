"""Losses of real numbers against torch's, and against what they are known for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.errors import ShapeError, UsageError
from vitreous.losses import absolute_error, huber, smooth_l1, squared_error

GENERATOR = torch.Generator().manual_seed(0)
PREDICTIONS = torch.randn(6, 3, generator=GENERATOR).double() * 3
TARGETS = torch.randn(6, 3, generator=GENERATOR).double() * 3
ALL = [squared_error, absolute_error, huber, smooth_l1]


@pytest.mark.parametrize("delta", [0.5, 1.0, 4.0])
def test_they_are_torchs(delta: float) -> None:
    pairs = [
        (squared_error(PREDICTIONS, TARGETS), F.mse_loss(PREDICTIONS, TARGETS)),
        (absolute_error(PREDICTIONS, TARGETS), F.l1_loss(PREDICTIONS, TARGETS)),
        (huber(PREDICTIONS, TARGETS, delta=delta), F.huber_loss(PREDICTIONS, TARGETS, delta=delta)),
        (
            smooth_l1(PREDICTIONS, TARGETS, delta=delta),
            F.smooth_l1_loss(PREDICTIONS, TARGETS, beta=delta),
        ),
    ]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)


def test_huber_is_squared_near_and_absolute_far() -> None:
    near, far = torch.tensor([[0.3]]).double(), torch.tensor([[5.0]]).double()
    zero = torch.zeros(1, 1).double()
    torch.testing.assert_close(huber(near, zero, delta=2.0), squared_error(near, zero) / 2)
    torch.testing.assert_close(huber(far, zero, delta=2.0), 2 * absolute_error(far, zero) - 2)


@pytest.mark.parametrize(("loss", "best"), [(squared_error, 22), (absolute_error, 3), (huber, 3)])
def test_what_one_wild_number_does_to_the_answer(loss: Callable[..., Tensor], best: float) -> None:
    """Of 1, 2, 3, 4 and 100, the mean is 22 and the median 3, where Huber's slopes cancel, too."""
    numbers = torch.tensor([1.0, 2.0, 3.0, 4.0, 100.0]).double()[:, None]
    answers = torch.linspace(0, 30, 121).double()
    costs = torch.stack([loss(answer.expand(5, 1), numbers) for answer in answers])
    assert answers[costs.argmin()] == best


@pytest.mark.parametrize("loss", ALL)
def test_shapes_are_never_spread(loss: Callable[..., Tensor]) -> None:
    """(B, 1) minus (B,) would be (B, B)."""
    for predictions, targets in [((4, 1), (4,)), ((4, 3), (4, 1)), ((4,), (4,)), ((4, 1), (3, 1))]:
        with pytest.raises(ShapeError, match="do not fit together"):
            loss(torch.zeros(predictions), torch.zeros(targets))


@pytest.mark.parametrize("loss", ALL)
def test_maps_of_numbers_are_averaged_image_by_image(loss: Callable[..., Tensor]) -> None:
    predictions, targets = PREDICTIONS.reshape(2, 1, 3, 3), TARGETS.reshape(2, 1, 3, 3)
    found = loss(predictions, targets, reduction="none")
    assert found.shape == (2,)
    torch.testing.assert_close(
        found, loss(predictions.flatten(1), targets.flatten(1), reduction="none")
    )


def test_a_distance_is_above_zero() -> None:
    with pytest.raises(UsageError, match="0 is no distance"):
        huber(PREDICTIONS, TARGETS, delta=0)

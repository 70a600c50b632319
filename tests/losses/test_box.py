"""Overlaps of boxes against numbers counted by hand, and finite differences."""

from __future__ import annotations

import pytest
import torch

from vitreous.errors import ShapeError
from vitreous.losses import box_iou, giou_loss


def boxes(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(
    ("one", "other", "iou", "giou"),
    [
        ((0, 0, 4, 4), (0, 0, 4, 4), 1, 1),
        ((0, 0, 4, 4), (2, 0, 6, 4), 8 / 24, 8 / 24),  # the box around is their union
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7, 1 / 7 - 2 / 9),
        ((0, 0, 1, 1), (3, 0, 4, 1), 0, -2 / 4),
        ((0, 0, 10, 10), (2, 2, 4, 4), 4 / 100, 4 / 100),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0, 0),  # they touch
    ],
)
def test_overlaps_counted_by_hand(
    one: tuple[float, ...], other: tuple[float, ...], iou: float, giou: float
) -> None:
    for a, b in ((one, other), (other, one)):
        assert box_iou(boxes(a), boxes(b)).item() == pytest.approx(iou)
        assert giou_loss(boxes(a), boxes(b)).item() == pytest.approx(1 - giou)


def test_boxes_that_do_not_meet_are_drawn_together() -> None:
    far = boxes((8, 0, 10, 2)).requires_grad_()
    (gradient,) = torch.autograd.grad(giou_loss(far, boxes((0, 0, 2, 2))), far)
    assert gradient[0, 0] > 0  # its left edge should move to the left


def test_the_gradient_is_that_of_finite_differences() -> None:
    given = boxes((0.3, 0.1, 2.2, 3.0), (5, 5, 6, 7.5)).requires_grad_()
    wanted = boxes((1, 0, 3.1, 2), (1, 1, 2, 2))
    assert torch.autograd.gradcheck(lambda x: giou_loss(x, wanted, reduction="none"), (given,))


def test_other_shapes_are_refused() -> None:
    for one, other in (((3, 4), (1, 4)), ((4,), (4,)), ((2, 5), (2, 5))):
        with pytest.raises(ShapeError):
            giou_loss(torch.zeros(one), torch.zeros(other))

"""Box coding: one box an image as a row of a table, and as the four numbers that a network gives.

The numbers are the middle of the box from the middle of the window, in fifths of its sides, and the
logarithms of its width and height as shares of the window's, so that no box is turned inside out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from vitreous.data.boxes import is_ignored
from vitreous.errors import DataError
from vitreous.tasks.aim import Aim, one_of
from vitreous.tasks.meter import Table

UNIT = 5  # outputs from one side of the window to the other
BOX = "box"  # what is asked about where it is no class
LARGEST = 3.0  # logarithm of the largest size, in windows: a network must not answer infinity


def encoded(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (B, 4), left, top, right, bottom in the window, as the network gives them.

    size  height and width of the window
    """
    sides = boxes.new_tensor(size).flip(0)
    low, high = boxes[:, :2] / sides, boxes[:, 2:] / sides
    return torch.cat([((low + high) / 2 - 0.5) * UNIT, (high - low).log()], 1)


def corners(numbers: Tensor, size: tuple[int, int]) -> Tensor:
    """The inverse of `encoded`: boxes (B, 4) in the window."""
    sides = numbers.new_tensor(size).flip(0)
    middle, reach = numbers[:, :2] / UNIT + 0.5, numbers[:, 2:].clamp_max(LARGEST).exp() / 2
    return torch.cat([(middle - reach) * sides, (middle + reach) * sides], 1)


def one_box(found: Sequence[Tensor]) -> Tensor:
    """(B, 5): the one box of each image and its class, 0 where it has none; NaN without a box.
    Boxes that are ignored do not count.

    Raises DataError for an image with several.
    """
    rows = []
    for given in found:
        each = given[~is_ignored(given)]
        if len(each) > 1:
            raise DataError(
                f"an image has {len(each)} boxes: this task finds the one thing in an image",
                remedy="Choose --task detect, which finds any number of things.",
            )
        row = each.new_full((5,), torch.nan) if not len(each) else each[0]
        rows.append(torch.cat([row, row.new_zeros(1)])[:5])
    return torch.stack(rows)


def box_aim(outputs: Tensor, classes: Sequence[str], target: str) -> Aim:
    """The logit of a class, or "box": how far the box is from the whole window, as the length of
    its four numbers. Without a name, the class that was answered, or the box where there is none.
    """
    if target == BOX or not (target or classes):

        def distance(out: Tensor) -> Tensor:
            far: Tensor = (out[:, -4:].square().sum(1) + 1e-12).sqrt()
            return far

        return Aim((BOX,) * len(outputs), distance)
    answered = outputs[:, :-4].argmax(1) if classes else outputs.new_zeros(len(outputs)).long()
    return one_of((*classes, BOX), answered, target, "class")


class BoxMeter(Table):
    """Logits and numbers of the box beside the one box of each image, (N, 5) with NaN where there
    is none; and their losses added.

    read  from a network's outputs to (B, L + 4)
    loss  of each example, from the outputs and the columns of a batch
    """

    def __init__(
        self, read: Callable[[Tensor], Tensor], loss: Callable[[Tensor, Mapping[str, Any]], Tensor]
    ):
        super().__init__(read, "box")
        self.each, self.loss = loss, 0.0

    def add(self, outputs: Tensor, targets: Mapping[str, Any]) -> None:
        table = one_box(targets[self.name])
        super().add(outputs, {self.name: table})
        self.loss += float(self.each(outputs.double(), {self.name: table.to(outputs.device)}).sum())

    def merge(self, other: Self) -> None:
        super().merge(other)
        self.loss += other.loss

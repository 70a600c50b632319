"""Grid coding: boxes as what a detector gives at each place of its grid, and back.

Each box has a middle, where the map of its class is 1, and around that a core in which places tell
where its edges are: how far they are from the place, as logarithms. Where cores meet, the smaller
box has the place. Liu et al. (2020), "Training-time-friendly network for real-time object
detection", arXiv:1909.00700, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vitreous.losses import giou_loss
from vitreous.metrics.box_matching import Detections
from vitreous.tasks.aim import Aim, one_of, picked
from vitreous.tasks.suppression import suppressed

CELL = 4  # pixels a side of what a place answers for
EDGES = 4  # outputs of a place that tell of its box
PRIOR = -2.2  # logit of a place where a network gives 0: nearly all are no middle
UNIT = 16.0  # pixels from a place to an edge, where a network gives 0
LARGEST = 6.0  # output: a network must not answer infinity
CORE = 0.54  # share of a box's sides in which places tell of it
CANDIDATES = 300  # peaks of an image that are looked at
MOST = 100  # boxes of an image
FAINT = 0.01  # score below which nothing is answered
SAME = 0.6  # IoU from which on two boxes of a class tell of the same thing


@dataclass(frozen=True)
class Coded:
    """What is true at each place of a grid.

    heat   (B, L, h, w) 1 at the middle of a thing of that class, less around it, 0 far away; NaN
           where nothing is known
    share  (B, h, w) what the place counts for its box; the places of an image's boxes sum to 1
    boxes  (B, h, w, 4) the box that the place shall tell: left, top, right, bottom
    """

    heat: Tensor
    share: Tensor
    boxes: Tensor


def coded(truth: Sequence[Tensor], kinds: int, size: tuple[int, int]) -> Coded:
    """Boxes (n, 4), (n, 5) with a class number, or (n, 6) with a mark of what is ignored, of each
    image, in pixels of the window.

    kinds  of boxes
    size   height and width of the grid
    """
    parts = [_coded(each, kinds, size) for each in truth]
    heat, share, boxes = (torch.stack(each) for each in zip(*parts, strict=True))
    return Coded(heat, share, boxes)


def _coded(rows: Tensor, kinds: int, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    heat = rows.new_zeros(kinds, *size)
    share, wanted = rows.new_zeros(size), rows.new_zeros(*size, 4)
    numbers = rows[:, 4].long() if rows.shape[1] > 4 else rows.new_zeros(len(rows)).long()
    ignored = rows[:, 5] > 0 if rows.shape[1] > 5 else rows.new_zeros(len(rows)).bool()
    boxes, sure = rows[~ignored, :4], numbers[~ignored]
    if len(boxes):
        bells = _bells(boxes, size)
        for number in {*sure.tolist()}:
            heat[number] = bells[sure == number].amax(0)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        # The smallest box whose core the place lies in; its places count together as one.
        owner = (bells > 0).div(areas[:, None, None]).argmax(0)
        share = bells.gather(0, owner[None])[0]
        total = share.new_zeros(len(boxes)).index_add(0, owner.flatten(), share.flatten())
        share = share / total[owner].clamp_min(1e-9) / len(boxes)
        wanted = boxes[owner]
    middles = heat == 1
    for box, number in zip(rows[ignored, :4], numbers[ignored].tolist(), strict=True):
        inside = _inside(box, size)
        heat[number].masked_fill_(inside & ~middles[number], torch.nan)
    return heat, share, wanted


def _bells(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, h, w): a bell over the core of each box, 1 at the place that its middle lies in."""
    sides = []
    for axis, length in enumerate(reversed(size)):
        low, high = boxes[:, axis, None] / CELL, boxes[:, axis + 2, None] / CELL
        middle = ((low + high) / 2).floor().clamp(0, length - 1)
        reach = ((high - low) / 2 * CORE).floor()
        away = torch.arange(length, device=boxes.device) - middle
        width = (2 * reach + 1) / 6
        sides.append((-away.square() / (2 * width.square())).exp() * (away.abs() <= reach))
    across, down = sides
    return down[:, :, None] * across[:, None, :]


def _inside(box: Tensor, size: tuple[int, int]) -> Tensor:
    """(h, w) bool: places within a box."""
    x, y = ((torch.arange(n, device=box.device) + 0.5) * CELL for n in reversed(size))
    across, down = (x >= box[0]) & (x < box[2]), (y >= box[1]) & (y < box[3])
    return down[:, None] & across


def logits(outputs: Tensor) -> Tensor:
    """(B, L, h, w): of the middle of a thing of each class, from outputs (B, L + 4, h, w)."""
    return outputs[:, :-EDGES] + PRIOR


def thing_aim(outputs: Tensor, classes: Sequence[str], target: str) -> Aim:
    """The logit of the surest thing of a class, at its place; without a name, of all classes."""
    surest, places = outputs[:, : len(classes)].flatten(2).max(2)
    named = one_of(classes, surest.argmax(1), target, "class").names
    numbers = torch.tensor([classes.index(name) for name in named], device=outputs.device)
    index = numbers * outputs[0, 0].numel() + places.gather(1, numbers[:, None])[:, 0]
    return Aim(named, lambda out: picked(out.flatten(1), index))


def placed(numbers: Tensor) -> Tensor:
    """Boxes (B, h, w, 4) in the window that outputs (B, 4, h, w) tell: left, top, right, bottom."""
    height, width = numbers.shape[2:]
    away = numbers.clamp_max(LARGEST).exp() * UNIT
    x = (torch.arange(width, device=numbers.device, dtype=numbers.dtype) + 0.5) * CELL
    y = (torch.arange(height, device=numbers.device, dtype=numbers.dtype)[:, None] + 0.5) * CELL
    left, top, right, bottom = away.unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], 3)


def box_loss(numbers: Tensor, truth: Coded) -> Tensor:
    """(B,) the mean of 1 - GIoU over the boxes of each image; 0 without any.

    numbers  (B, 4, h, w) outputs
    """
    told = truth.share > 0
    losses = giou_loss(placed(numbers)[told], truth.boxes[told].to(numbers.dtype), reduction="none")
    counted = losses * truth.share[told].to(losses.dtype)
    image = told.nonzero()[:, 0]
    return counted.new_zeros(len(numbers)).index_add(0, image, counted)


def found(outputs: Tensor) -> list[Detections]:
    """The boxes that outputs (B, L + 4, h, w) tell of, in the window, for each image.

    A box is told where a map is not below its neighbors; of those that tell of the same thing, one
    stays. At most `MOST` are left.
    """
    outputs = outputs.float()
    heat = logits(outputs).sigmoid()
    peaks = heat.where(heat == F.max_pool2d(heat, 3, 1, 1), 0).flatten(1)
    scores, places = peaks.topk(min(CANDIDATES, peaks.shape[1]))
    count = heat.shape[2] * heat.shape[3]
    boxes = placed(outputs[:, -EDGES:]).flatten(1, 2)
    chosen = boxes.gather(1, (places % count)[..., None].expand(-1, -1, 4))
    told = (chosen.double().cpu(), (places // count).cpu(), scores.double().cpu())
    return [_kept(Detections(*(each.numpy() for each in one))) for one in zip(*told, strict=True)]


def told_at(outputs: Tensor, place: tuple[int, int]) -> tuple[list[float], NDArray[np.float64]]:
    """What outputs (1, L + 4, h, w) tell at one place, row and column: the score of each class, and
    the box in the window.
    """
    outputs, (row, column) = outputs.float(), place
    scores = logits(outputs).sigmoid()[0, :, row, column]
    box = placed(outputs[:, -EDGES:])[0, row, column]
    return scores.double().tolist(), box.double().cpu().numpy()


def _kept(peaks: Detections) -> Detections:
    clear = peaks.where(peaks.scores >= FAINT)
    stay = suppressed(clear.boxes, clear.scores, clear.numbers, SAME)
    return clear.where(stay[:MOST])

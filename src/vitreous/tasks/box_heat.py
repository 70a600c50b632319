"""The heat map of one box: where its middle is, and at each place how the box lies about it.

Of the L + 5 maps, L are logits of the classes, one tells how likely the middle of the box is at
each place, and four are the numbers of `box_coding`, of which the first two count from the place.
So a class is named from where the thing is, and its size is told there. Zhou et al. (2019),
"Objects as points", arXiv:1904.07850.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.losses import place_cross_entropy
from vitreous.tasks.box_coding import UNIT, corners, encoded
from vitreous.tasks.heat_map import NEARBY, SPREAD, heat, to_places

BEHIND = 5  # maps behind those of the classes: the middle, and four numbers
REACH = 0.1  # of the box's sides: the standard deviation of its middle, at least `SPREAD` places


@dataclass(frozen=True)
class BoxHeat:
    """Maps of a window.

    size    height and width of the window
    stride  pixels a side of a place
    """

    size: tuple[int, int]
    stride: int

    def shape(self, maps: Tensor) -> tuple[int, int]:
        height, width = maps.shape[2:]
        return height, width

    def middles(self, maps: Tensor) -> Tensor:
        """(4, h, w): what the numbers of each place have to be added to."""
        height, width = self.shape(maps)
        along = [
            ((torch.arange(count, device=maps.device, dtype=maps.dtype) + 0.5) * self.stride / side)
            for count, side in ((width, self.size[1]), (height, self.size[0]))
        ]
        x, y = ((each - 0.5) * UNIT for each in along)
        zero = maps.new_zeros(height, width)
        return torch.stack([x.expand(height, width), y[:, None].expand(height, width), zero, zero])

    def wanted(self, boxes: Tensor, known: Tensor, shape: tuple[int, int]) -> Tensor:
        """(B, 1, h, w) Gaussians about the middles of boxes (B, 4), wider for large ones; 0 where
        none is known.
        """
        middle = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2 - 0.5  # of edges to pixel centers
        sides = (boxes[:, None, 2:] - boxes[:, None, :2]) / self.stride
        spread = (REACH * sides).clamp_min(SPREAD)
        return heat(to_places(middle, self.stride), known[:, None], shape, spread)

    def numbers(self, maps: Tensor) -> Tensor:
        """(B, h·w, 4) the box that each place tells of, as `box_coding` gives it."""
        return (maps[:, -4:] + self.middles(maps)).flatten(2).transpose(1, 2)

    def named(self, maps: Tensor) -> Tensor:
        """(B, L) logits of the classes, from where the middle is held to be. What is learned about
        a class changes nothing about the place.
        """
        shares = maps[:, -BEHIND].detach().flatten(1).softmax(1)
        return (maps[:, :-BEHIND].flatten(2) * shares[:, None]).sum(2)

    def read(self, maps: Tensor) -> Tensor:
        """(B, L + 4) logits and the numbers of the box, from about the likeliest middle."""
        height, width = self.shape(maps)
        shares = maps[:, -BEHIND].flatten(1).softmax(1)
        best = shares.argmax(1)[:, None]
        places = torch.arange(height * width, device=maps.device)
        down, across = places // width - best // width, places % width - best % width
        near = shares * ((down.abs() <= NEARBY) & (across.abs() <= NEARBY))
        near = near / near.sum(1, keepdim=True)
        box = (near[..., None] * self.numbers(maps)).sum(1)
        return torch.cat([self.named(maps), box], 1)

    def at(self, maps: Tensor, place: tuple[int, int]) -> tuple[float, NDArray[np.float64]]:
        """How likely the middle is at a place, row and column, of maps (1, L + 5, h, w), and the
        box in the window that is told there.
        """
        row, column = place
        number = row * maps.shape[3] + column
        share = maps[0, -BEHIND].double().flatten().softmax(0)[number]
        box = corners(self.numbers(maps)[:, number].double().cpu(), self.size)[0]
        return float(share), box.numpy()

    def loss(
        self,
        maps: Tensor,
        boxes: Tensor,
        known: Tensor,
        each: Callable[[Tensor, Tensor], Tensor],
    ) -> Tensor:
        """(B,) of the place of the middle, and of the numbers where it should be.

        each  the loss (N,) of numbers (N, 4) in pairs with boxes
        """
        middles = self.wanted(boxes, known, self.shape(maps))
        surprise = place_cross_entropy(maps[:, -BEHIND][:, None], middles, reduction="none")
        numbers = self.numbers(maps)
        pairs = boxes.repeat_interleave(numbers.shape[1], 0)
        placed = each(numbers.flatten(0, 1), pairs).reshape(len(maps), -1)
        return surprise + (middles.flatten(1) * placed).sum(1)

    def targets(self, table: Tensor, shape: tuple[int, ...]) -> Tensor:
        """(B, 6, h, w), as the derivative by hand takes them: see `MappedClassAndBox`.

        table  (B, 5) a box and its class, NaN where there is none
        """
        height, width = shape
        known = table[:, 0].isfinite()
        whole = table.new_tensor([0, 0, self.size[1], self.size[0], -1])
        rows = table.where(known[:, None], whole)  # some box, whose middle is nowhere
        maps = table.new_zeros(len(table), 1, height, width)
        middles = self.wanted(rows[:, :4], known, (height, width))
        numbers = encoded(rows[:, :4], self.size)[..., None, None] - self.middles(maps)
        return torch.cat([rows[:, 4:, None, None] + maps, middles, numbers], 1)

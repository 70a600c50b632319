"""Tiles with overlap: a picture too large for one pass is answered piece by piece.

Each tile has a margin of context around its core, and the cores cover the picture without overlap:
nothing is blended, each pixel has the answer of the one tile in whose core it lies. Tiles lie on
the grid of the network's smallest map, so that pixels are pooled as in one pass; where the margin
is as wide as the receptive field reaches, the answers are those of one pass. Where it reaches
farther than MARGIN (encoders made for classes see almost everything), what lies beyond is not seen.
Memory is that of one tile, however large the picture is.
Ronneberger et al. (2015), "U-Net", arXiv:1505.04597, figure 2: the overlap-tile strategy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.errors import ShapeError, UsageError
from vitreous.shapes import Images

SIDE = 640  # pixels of a tile, margins included
MARGIN = 128  # pixels of context on each side, at most
PROBE = 256  # pixels a side of the image with which the receptive field is found out
GRID = 32  # of networks that do not say theirs


@dataclass(frozen=True)
class Span:
    """A tile along one axis: from `start` to `stop`, where it answers from `low` to `high`."""

    start: int
    stop: int
    low: int
    high: int


def spans(length: int, side: int, margin: int) -> list[Span]:
    """Tiles that cover an axis; the outer ones answer up to the border.

    length, side, margin  multiples of the network's grid; then all starts are as well

    Raises UsageError where margins leave no core.
    """
    if side <= 2 * margin:
        raise UsageError(
            f"tiles of {side} pixels with margins of {margin} have no core",
            where="side",
            remedy=f"Give at least {2 * margin + 1}.",
        )
    if length <= side:
        return [Span(0, length, 0, length)]
    found: list[Span] = []
    low = 0
    while low < length:
        start = min(max(low - margin, 0), length - side)
        high = length if start + side == length else start + side - margin
        found.append(Span(start, start + side, low, high))
        low = high
    return found


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How pictures are cut for one network.

    grid    pixels of the image between neighbors of its smallest map
    margin  pixels of context around a core, a multiple of the grid
    side    pixels of a tile, likewise
    color   (C,) in [0, 1], with which the network itself pads: the mean of its pixels
    """

    grid: int
    margin: int
    side: int
    color: tuple[float, ...]

    @classmethod
    def of(cls, network: nn.Module, channels: int, side: int = SIDE) -> Tiling:
        """The tiling for a network, whose receptive field is followed through its layers.

        side  pixels of a tile; rounded up to the grid
        """
        grid = getattr(network, "grid", GRID)
        mean = getattr(getattr(network, "normalize", None), "mean", torch.zeros(channels))
        margin = _up(min(_reach(network, channels), MARGIN), grid)
        color = tuple(mean.flatten().tolist())
        return cls(grid=grid, margin=margin, side=_up(side, grid), color=color)

    def tiles(self, image: NDArray[np.uint8]) -> Iterator[tuple[Images, Crop]]:
        """Each tile (1, C, h, w) in [0, 1] of an image (H, W, C), with what its answers are of."""
        height, width, channels = image.shape
        if channels != len(self.color):
            raise ShapeError(f"{channels} channels, where the network has {len(self.color)}")
        # As networks pad: half before the image, the odd pixel behind it.
        above, left = (-length % self.grid // 2 for length in (height, width))
        tall, wide = (_up(length, self.grid) for length in (height, width))
        for rows in spans(tall, self.side, self.margin):
            for columns in spans(wide, self.side, self.margin):
                size = rows.stop - rows.start, columns.stop - columns.start
                tile = np.empty((*size, channels), np.float32)
                tile[:] = self.color
                there, inside = zip(
                    _shown(rows, above, height), _shown(columns, left, width), strict=True
                )
                np.divide(image[there], np.float32(255), out=tile[inside])
                crop = Crop.of(rows, columns, (above, left), (height, width))
                yield torch.from_numpy(tile).permute(2, 0, 1)[None], crop


@dataclass(frozen=True)
class Crop:
    """Which part of a tile's answers is of its core, and where in the image that lies.

    tile, image  lines and columns of both
    """

    tile: tuple[slice, slice]
    image: tuple[slice, slice]

    @classmethod
    def of(cls, rows: Span, columns: Span, around: tuple[int, int], size: tuple[int, int]) -> Crop:
        inner, outer = [], []
        for span, before, length in zip((rows, columns), around, size, strict=True):
            low, high = max(span.low, before), min(span.high, before + length)
            inner.append(slice(low - span.start, high - span.start))
            outer.append(slice(low - before, high - before))
        return cls((inner[0], inner[1]), (outer[0], outer[1]))

    def __call__(self, outputs: Tensor) -> Tensor:
        """Maps (B, L, h, w) of the tile cut to its core."""
        return outputs[:, :, self.tile[0], self.tile[1]]


def _shown(span: Span, before: int, length: int) -> tuple[slice, slice]:
    """The pixels of an axis of the image that a tile shows, and where in the tile."""
    low, high = max(span.start - before, 0), min(span.stop - before, length)
    inside = slice(low + before - span.start, high + before - span.start)
    return slice(low, high), inside


def _reach(network: nn.Module, channels: int) -> float:
    """Pixels that an answer sees in any direction; infinite where it sees all, or nobody knows."""
    from vitreous.trace.measure.receptive import receptive_fields

    fields = [*receptive_fields(network, (channels, PROBE, PROBE)).values()]
    if not fields:
        return math.inf
    axes = fields[-1].rows, fields[-1].columns
    return max(float(end) for axis in axes for end in (-axis.low, axis.high))


def _up(length: float, grid: int) -> int:
    return math.ceil(length / grid) * grid

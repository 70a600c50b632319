"""A pixel that is asked about: what a network says at one place of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.images.block_means import ROUNDING
from vitreous.data.images.frame import Frame
from vitreous.formats import percent

Place = tuple[int, int]  # row and column of a map


@dataclass(frozen=True)
class PixelAnswer:
    """What a network says at one pixel of an image.

    title   what the numbers are
    rows    name, number, and the number in words
    place   of the network's map, where that was read; None where the network does not see the pixel
    shares  are the numbers shares, from 0 to 1?
    box     left, top, right and bottom edge, in the image's own pixels, of a box that is told there
    """

    title: str
    rows: tuple[tuple[str, float, str], ...]
    place: Place | None
    shares: bool = False
    box: tuple[float, ...] | None = None

    @classmethod
    def of_shares(
        cls,
        title: str,
        names: Sequence[str],
        shares: Sequence[float],
        place: Place,
        box: tuple[float, ...] | None = None,
    ) -> PixelAnswer:
        """Shares by name, the largest first."""
        pairs = sorted(zip(names, shares, strict=True), key=lambda pair: -pair[1])
        rows = tuple((name, float(share), percent(share)) for name, share in pairs)
        return cls(title, rows, place, True, box)


UNSEEN = PixelAnswer("The network does not see this pixel", (), None)


def place_of(frame: Frame, x: int, y: int, outputs: Tensor, stride: int = 1) -> Place | None:
    """The place of a map (1, L, h, w) in whose square of the window the middle of a pixel lies;
    None where that is outside of the window.

    frame   of the image in the window; x, y: the pixel, in the image
    stride  pixels a side of a square
    """
    found = []
    for at, side, count in zip(frame.points([x, y]), frame.size[::-1], outputs.shape[:1:-1],
                               strict=True):  # fmt: skip
        pixel = math.floor(float(at) + 0.5 + ROUNDING)
        if not 0 <= pixel < side:
            return None
        found.append(min(pixel // stride, count - 1))
    column, row = found
    return row, column


def numbers_at(frame: Frame, x: int, y: int, maps: Tensor) -> NDArray[np.float32]:
    """(L,) numbers of maps (1, L, h, w) of the window at a pixel of the image, between places as
    answers are brought back; -∞ where the network does not see it.
    """
    last = np.moveaxis(maps[0].float().cpu().numpy(), 0, -1)
    found: NDArray[np.float32] = frame.inverse.at(last, x, y, fill=-math.inf)
    return found


def back_in_image(frame: Frame, box: NDArray[np.float64]) -> tuple[float, ...]:
    """A box of the window, (4,), as one of the image, within it."""
    height, width = frame.source
    (found,) = frame.inverse.boxes(box[None])
    return tuple(np.clip(found, 0, [width, height, width, height]).tolist())

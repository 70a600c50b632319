"""Hidden patches: squares of an image that are painted over, to be told from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.batches.counter_random import Stream, uniforms
from vitreous.shapes import Images


@dataclass(frozen=True)
class HiddenPatches:
    """Paints squares of the same number in each image with the image's mean color.

    side   of a square, in pixels; those at the right and lower edge may be cut
    share  of the squares, rounded to a whole number of them: at least one, and never all
    """

    side: int
    share: float

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Squares below each other, and beside each other."""
        return -(-height // self.side), -(-width // self.side)

    def count(self, height: int, width: int) -> int:
        """How many squares are hidden."""
        down, across = self.grid(height, width)
        return max(1, min(round(self.share * down * across), down * across - 1))

    def __call__(
        self, images: Images, seed: int, epoch: int, keys: NDArray[np.int64]
    ) -> tuple[Images, dict[str, Tensor]]:
        """Images (B, C, H, W) with hidden squares; "picture", the images as they were, and
        "hidden" (B, H, W) bool.
        """
        height, width = images.shape[2:]
        down, across = self.grid(height, width)
        chances = uniforms(seed, epoch, keys, down * across, Stream.PRETEXT)
        chosen = chances.argsort(1, kind="stable").argsort(1) < self.count(height, width)
        squares = chosen.reshape(-1, down, across).repeat(self.side, 1).repeat(self.side, 2)
        hidden = torch.from_numpy(squares[:, :height, :width]).to(images.device)
        seen = (~hidden)[:, None]
        color = (images * seen).sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True)
        return torch.where(seen, images, color), {"picture": images, "hidden": hidden}

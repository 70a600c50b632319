"""Transforms of an image that is sought: shifted, turned and scaled at random in each step.

What excites a unit only at one exact place is a trick on it. An image that still excites it after
it was moved is what the unit looks for. Mordvintsev et al. (2015), "Inceptionism"; Olah et al.
(2017), "Feature visualization", Distill, section "Transformation robustness".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from vitreous.errors import unknown
from vitreous.shapes import Images


@dataclass(frozen=True)
class Wobble:
    """How far an image is moved, at most.

    shift  of the side; scale: of the size; turn: degrees
    """

    shift: float = 0.0
    scale: float = 0.0
    turn: float = 0.0

    def __call__(self, images: Images, generator: torch.Generator) -> Images:
        """Images (B, C, H, W), all moved alike; what comes in from outside is mirrored."""
        drawn = 2 * torch.rand(4, generator=generator) - 1
        if not (self.shift or self.scale or self.turn):
            return images
        across, down = (2 * self.shift * drawn[:2]).tolist()
        size = 1 + self.scale * float(drawn[2])
        angle = math.radians(self.turn * float(drawn[3]))
        cosine, sine = size * math.cos(angle), size * math.sin(angle)
        rows = [[cosine, -sine, across], [sine, cosine, down]]
        matrix = torch.tensor(rows).to(images).expand(len(images), 2, 3)
        grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


WOBBLES = {
    "robust": Wobble(shift=0.06, scale=0.1, turn=8.0),
    "jitter": Wobble(shift=0.06),
    "none": Wobble(),
}
"""By name; the first is the default."""


def wobble_of(name: str) -> Wobble:
    """The row of the table. Raises UsageError that offers the nearest names."""
    if name not in WOBBLES:
        raise unknown("transform", name, WOBBLES, where="transform")
    return WOBBLES[name]

"""Local binary patterns: which of its eight neighbors are at least as bright as a pixel?

    code = Σ_p 2^p [neighbor p ≥ center],    histograms of the codes, cell by cell

Neighbors lie on a circle of one pixel, between pixels where they must. Codes that change between 0
and 1 at most twice around the circle keep a bin each, all others share one: 59 in all.
Ojala et al. (2002), "Multiresolution gray-scale and rotation invariant texture classification with
local binary patterns", doi:10.1109/TPAMI.2002.1017623.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.shapes import Images

NEIGHBORS = 8
BINS = 59
ALIKE = 1e-6  # difference up to which rounding, and not the image, makes a neighbor darker


@cache
def kernels() -> Tensor:
    """(8, 1, 3, 3) each neighbor less the center, by bilinear interpolation, counter-clockwise from
    the right.
    """
    found = torch.zeros(NEIGHBORS, 1, 3, 3, dtype=torch.float64)
    for number in range(NEIGHBORS):
        angle = 2 * math.pi * number / NEIGHBORS
        y, x = round(1 - math.sin(angle), 5), round(1 + math.cos(angle), 5)
        for row in range(3):
            for column in range(3):
                weight = max(0.0, 1 - abs(y - row)) * max(0.0, 1 - abs(x - column))
                found[number, 0, row, column] = weight
    found[:, 0, 1, 1] -= 1
    return found


@cache
def bins() -> Tensor:
    """(256,) the bin of each code: patterns in the order of their codes, all that are not uniform
    last.
    """
    found, count = [], 0
    for code in range(1 << NEIGHBORS):
        turned = code >> 1 | (code & 1) << (NEIGHBORS - 1)
        uniform = (code ^ turned).bit_count() <= 2
        found.append(count if uniform else BINS - 1)
        count += uniform
    return torch.tensor(found)


def codes(images: Images) -> Tensor:
    """(B, 1, H, W) to (B, H - 2, W - 2), the code of each pixel that has all neighbors."""
    differences = F.conv2d(images.double(), kernels().to(images.device))
    powers = 2 ** torch.arange(NEIGHBORS, device=images.device).view(1, -1, 1, 1)
    return ((differences >= -ALIKE) * powers).sum(1)


def histograms(images: Images, grid: int) -> Tensor:
    """(B, 1, H, W) to (B, 59 · grid²): shares of the patterns in each cell of a grid."""
    found = bins().to(images.device)[codes(images)]  # (B, h, w)
    spread = images.new_zeros(len(images), BINS, *found.shape[1:])
    spread = spread.scatter(1, found[:, None], 1.0)
    return F.adaptive_avg_pool2d(spread, grid).flatten(1)

"""Density maps: dots spread into little hills, so that a sum over pixels is a count.

Each dot becomes a Gaussian whose sum over the pixels of the window is exactly 1, also at a border,
where it is cut and the rest is raised. So the sum of a map is the number of its dots, and the sum
over a region is how many of them are there.

Lempitsky and Zisserman (2010), "Learning to count objects in images".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def densities(
    dots: Sequence[Tensor], classes: int, size: tuple[int, int], deviation: float
) -> Tensor:
    """(B, L, H, W) float32: for each class a map whose sum is the number of its dots.

    dots       (n, 2) x and y of pixel centers in each image, or (n, 3) with the class number last
    classes    L, at least 1
    size       height and width of the maps
    deviation  of the Gaussians, in pixels
    """
    height, width = size
    maps = [
        _density(each, classes, height, width, deviation) if len(each) else None for each in dots
    ]
    device = dots[0].device if len(dots) else torch.device("cpu")
    empty = torch.zeros(classes, height, width, device=device)
    return torch.stack([empty if each is None else each for each in maps])


def _density(dots: Tensor, classes: int, height: int, width: int, deviation: float) -> Tensor:
    # A Gaussian of the plane is the product of one along each axis.
    across = _hills(dots[:, 0], width, deviation)
    down = _hills(dots[:, 1], height, deviation)
    if dots.shape[1] == 2:
        return (down.mT @ across)[None]
    numbers = dots[:, 2].to(torch.int64)
    return torch.stack(
        [down[numbers == kind].mT @ across[numbers == kind] for kind in range(classes)]
    )


def _hills(places: Tensor, length: int, deviation: float) -> Tensor:
    """(n, length) Gaussians around places on a line of pixels, each of the sum 1."""
    pixels = torch.arange(length, device=places.device, dtype=torch.float32)
    distances = (pixels - places[:, None]) / deviation
    # By a softmax, which needs no care for hills whose middle lies far outside.
    return (-distances.square() / 2).softmax(1)


def tally(dots: Sequence[Tensor], classes: int) -> Tensor:
    """(B, L) float64: how many dots of each class each image has."""
    counts = torch.zeros(len(dots), classes, dtype=torch.float64)
    for row, each in zip(counts, dots, strict=True):
        if each.shape[1] == 2:
            row[0] = len(each)
        else:
            row += torch.bincount(each[:, 2].to(torch.int64).cpu(), minlength=classes)
    return counts

"""Planted evidence: mosaics of images, in which it is known where each class is.

Four images that a network answers differently stand in the cells of one image. The evidence for
the answer to one of them must lie in its own cell; a map that knows nothing has a quarter there.
Nothing needs to be trained, no one needs to say where things are, and that the cell does matter to
the network is measured by covering it.
Böhle et al. (2021), "Convolutional dynamic alignment networks", arXiv:2104.00032, section 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.errors import VitreousError
from vitreous.explain.looking import forward, looking
from vitreous.explain.target import asked, scalar_of
from vitreous.shapes import Heatmaps, Images

CELLS = 4
COUNT = 64  # mosaics


@dataclass(frozen=True, eq=False)
class Mosaics:
    """Images made of four others.

    images   (M, C, H, W), twice as high and wide as the others where the network takes that, and
             otherwise of their size, with cells that are shrunk
    labels   (M,) the class whose evidence is known
    cells    (M, H, W) bool: where it is; own: (M,) its number, from the upper left one on
    """

    images: Images
    labels: Tensor
    cells: Tensor
    own: Tensor


def mosaics(
    model: nn.Module, images: Images, labels: Tensor, count: int = COUNT, seed: int = 0
) -> Mosaics | None:
    """Random mosaics with one cell of the class that is asked about and three of other classes;
    None where there are not two classes among the images.

    images  (B, C, H, W) in [0, 1]
    labels  (B,) what the network answers to each
    """
    if len({*labels.tolist()}) < 2:
        return None
    generator = torch.Generator().manual_seed(seed)
    height, width = images.shape[2:]
    if takes(model, images[:1].repeat(1, 1, 2, 2)):
        half, small = (height, width), images
        height, width = 2 * height, 2 * width
    else:
        half = height // 2, width // 2
        small = F.interpolate(images, half, mode="bilinear", antialias=True, align_corners=False)
    made = torch.zeros(count, images.shape[1], height, width, dtype=images.dtype)
    own, chosen = [], []
    for number in range(count):
        one = int(torch.randint(len(images), (1,), generator=generator))
        others = (labels != labels[one]).nonzero().flatten()
        drawn = others[torch.randint(len(others), (CELLS - 1,), generator=generator)].tolist()
        where = torch.randperm(CELLS, generator=generator).tolist()
        for cell, image in zip(where, [one, *drawn], strict=True):
            made[number][_inside(cell, half)] = small[image]
        own.append(where[0])
        chosen.append(int(labels[one]))
    cells = torch.zeros(count, height, width, dtype=torch.bool)
    for number, cell in enumerate(own):
        cells[number][_inside(cell, half)[1:]] = True
    return Mosaics(
        made.to(images), torch.tensor(chosen), cells.to(images.device), torch.tensor(own)
    )


def takes(model: nn.Module, images: Images) -> bool:
    """Does the network answer to images of this size?"""
    with looking(model), torch.no_grad():
        try:
            forward(model, images)
        except (VitreousError, RuntimeError, ValueError, AssertionError):
            return False
    return True


def _inside(cell: int, half: tuple[int, int]) -> tuple[slice, slice, slice]:
    top, left = (cell // 2) * half[0], (cell % 2) * half[1]
    return slice(None), slice(top, top + half[0]), slice(left, left + half[1])


def mattering(model: nn.Module, planted: Mosaics) -> Tensor:
    """(M,) bool: is the cell of the class the one whose covering lowers the answer the most?

    Only there the evidence is known to be in it: a network that knows nothing manages by chance, in
    a quarter of the mosaics.
    """
    images = planted.images
    half = images.shape[2] // 2, images.shape[3] // 2
    scalar = scalar_of(model, images, planted.labels)
    falls = []
    with looking(model), torch.no_grad():
        whole = asked(forward(model, images), scalar, len(images))
        for cell in range(CELLS):
            covered = images.clone()
            place = (slice(None), *_inside(cell, half))
            covered[place] = covered[place].mean((2, 3), keepdim=True)
            falls.append(whole - asked(forward(model, covered), scalar, len(images)))
    largest, where = torch.stack(falls, 1).cpu().max(1)
    return (where == planted.own) & (largest > 0)


def found_share(heat: Heatmaps, cells: Tensor) -> Tensor:
    """(M,) share of what is positive in a map that lies where the evidence is; a map without
    anything positive has found as much as chance.
    """
    positive = heat.clamp_min(0).flatten(1)
    total = positive.sum(1)
    inside = (positive * cells.flatten(1)).sum(1)
    return torch.where(total > 0, inside / total.clamp_min(1e-30), 1 / CELLS)

"""An adversarial patch: a square that may look like anything, and works wherever it lies.

It can be printed and laid beside a thing. What it may change is not how much, but how many of the
pixels: its size is measured by the norm "0".
Brown et al. (2017), "Adversarial patch", arXiv:1712.09665.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from vitreous.data.batches.counter_random import uniforms
from vitreous.robust.goal import CLASSES, Goal, Targets, slope, some
from vitreous.robust.universal import passes
from vitreous.shapes import Images

STEPS = 20  # passes over the images
PLACED = 1 << 20  # a number of places that no pass over the images has
STRIDE = 0.05  # of a step, of values in [0, 1]


def patch(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal = CLASSES,
    *,
    eps: float,
    norm: str = "0",
    steps: int = STEPS,
    seed: int = 0,
) -> Images:
    """Images (B, C, H, W) in [0, 1], each under the patch that was found on them, somewhere.

    eps  share of the pixels that it covers at most
    """
    found = patch_for(model, images, targets, goal, eps=eps, steps=steps, seed=seed)
    return anywhere(images, found, seed)


def patch_for(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal = CLASSES,
    *,
    eps: float,
    norm: str = "0",
    steps: int = STEPS,
    seed: int = 0,
) -> Tensor:
    """(C, p, p) in [0, 1], found on these images; p² is at most `eps` of their pixels."""
    height, width = images.shape[2:]
    side = min(math.floor(math.sqrt(eps * height * width)), height, width)
    found = torch.full_like(images[0, :, :side, :side], 0.5)
    if not side:
        return found
    for number, chosen in enumerate(passes(len(images), steps, seed)):
        somewhere = places(len(chosen), seed, number)
        covered = laid(images[chosen], found, somewhere)
        uphill = slope(model, covered, some(targets, chosen), goal).gradient
        parts = [
            one[:, top : top + side, left : left + side]
            for one, (top, left) in zip(uphill, corners(uphill, side, somewhere), strict=True)
        ]
        found = (found + STRIDE * torch.stack(parts).sum(0).sign()).clamp(0, 1)
    return found


def anywhere(images: Images, patch: Tensor, seed: int) -> Images:
    """The images with the patch over them, each in a place of its own."""
    return laid(images, patch, places(len(images), seed, PLACED))


def places(count: int, seed: int, number: int) -> Tensor:
    """(B, 2) in [0, 1): where in an image a patch lies, down and across."""
    return torch.from_numpy(uniforms(seed, number, np.arange(count), 2))


def corners(images: Images, side: int, shares: Tensor) -> list[tuple[int, int]]:
    """Line and column of the upper left corner of each patch."""
    room = torch.tensor([images.shape[2] - side + 1, images.shape[3] - side + 1])
    return [(int(top), int(left)) for top, left in (shares * room).long()]


def laid(images: Images, patch: Tensor, shares: Tensor) -> Images:
    """The images with the patch over them."""
    covered, side = images.clone(), patch.shape[1]
    for one, (top, left) in zip(covered, corners(images, side, shares), strict=True):
        one[:, top : top + side, left : left + side] = patch
    return covered

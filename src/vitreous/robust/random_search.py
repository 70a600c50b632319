"""Random search, a black-box attack: squares of random color are tried, and kept where they harm.

It sees answers alone, no gradient. Where it finds what PGD does not, the gradients are masked: they
lead nowhere, and the network is not as robust as it looks.
After Andriushchenko et al. (2020), "Square attack", arXiv:1912.00049, for L∞.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitreous.robust.ascent import moved, worse
from vitreous.robust.goal import CLASSES, Goal, Targets, judged
from vitreous.shapes import Images

STEPS = 300
SHARE = 0.3  # of the pixels that the first squares cover; it falls as time goes on


def random_search(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal = CLASSES,
    *,
    eps: float,
    norm: str = "inf",
    steps: int = STEPS,
    seed: int = 0,
) -> Images:
    """Images (B, C, H, W) in [0, 1] that differ by at most `eps` from the given ones, in L∞.

    steps  squares that are tried on each
    """
    if eps == 0 or steps == 0:
        return images
    generator = torch.Generator().manual_seed(seed)
    count, channels, height, width = images.shape
    stripes = _signs((count, channels, 1, width), generator).to(images) * eps
    best, worst = worse(
        images,
        judged(model, images, targets, goal),
        *_tried(model, images, stripes.expand_as(images), targets, goal),
    )
    lines, columns = torch.arange(height).view(1, -1, 1), torch.arange(width).view(1, 1, -1)
    for number in range(steps):
        share = SHARE / 2 ** (6 * number / steps)
        side = max(1, round((share * height * width) ** 0.5))
        tall, wide = min(side, height), min(side, width)
        top = _below(height - tall + 1, count, generator)
        left = _below(width - wide + 1, count, generator)
        square = (lines >= top) & (lines < top + tall) & (columns >= left)
        square &= columns < left + wide
        colors = _signs((count, channels, 1, 1), generator).to(images) * eps
        delta = torch.where(square[:, None].to(images.device), colors, best - images)
        best, worst = worse(best, worst, *_tried(model, images, delta, targets, goal))
    return best


def _tried(
    model: nn.Module, images: Images, delta: Tensor, targets: Targets, goal: Goal
) -> tuple[Images, Tensor]:
    there = moved(images, delta)
    return there, judged(model, there, targets, goal)


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return 2 * torch.randint(0, 2, shape, generator=generator) - 1


def _below(limit: int, count: int, generator: torch.Generator) -> Tensor:
    return torch.randint(0, limit, (count, 1, 1), generator=generator)

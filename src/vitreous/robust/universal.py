"""A universal perturbation: one change that, added to any image, makes answers wrong.

It is found by gradient ascent on many images at once: what pulls in the same direction on all of
them is left. That such a thing exists says that the network looks at what is not in the image.
Moosavi-Dezfooli et al. (2017), "Universal adversarial perturbations", arXiv:1610.08401; found by
the gradient ascent of Shafahi et al. (2020), "Universal adversarial training", arXiv:1811.11304.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from vitreous.robust.ascent import moved
from vitreous.robust.goal import CLASSES, Goal, Targets, slope, some
from vitreous.robust.norms import norm_of
from vitreous.shapes import Images

STEPS = 10  # passes over the images
BATCH = 64
STRIDE = 0.1  # a step, in radii
ENOUGH = 3.0  # harm beyond which an image is left alone: it is lost already


def universal(
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
    """Images (B, C, H, W) in [0, 1], all changed by the perturbation that was found on them."""
    delta = perturbation(model, images, targets, goal, eps=eps, norm=norm, steps=steps, seed=seed)
    return moved(images, delta)


def perturbation(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal = CLASSES,
    *,
    eps: float,
    norm: str = "inf",
    steps: int = STEPS,
    seed: int = 0,
) -> Tensor:
    """(1, C, H, W), of a size of at most `eps`, found on these images.

    steps  passes over them
    """
    row, delta = norm_of(norm), torch.zeros_like(images[:1])
    if eps == 0:
        return delta
    limited = replace(goal, loss=lambda outputs, wanted: _limited(goal, outputs, wanted))
    for chosen in passes(len(images), steps, seed):
        there = moved(images[chosen], delta)
        uphill = slope(model, there, some(targets, chosen), limited).gradient.sum(0, keepdim=True)
        delta = row.project(delta + STRIDE * eps * row.steepest(uphill), eps)
    return delta


def _limited(goal: Goal, outputs: Tensor, targets: Targets) -> Tensor:
    """The loss, as far as it still counts."""
    lost = goal.margins(outputs, targets) is not None
    losses = goal.loss(outputs, targets)
    if not lost:
        return losses
    return losses * (goal.harm(outputs, targets).detach() < ENOUGH)


def passes(count: int, times: int, seed: int) -> Iterator[Tensor]:
    """Row numbers of batches, all images so many times, each time in another order."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(times):
        order = torch.randperm(count, generator=generator)
        yield from torch.split(order, BATCH)

"""Gradient ascent on the loss of an image, within a ball and within [0, 1]: the loop of attacks.

    δ ← Π( δ + step · steepest(∇ loss) )

Loss, direction and projection are its three parts: the first belongs to the goal, the others to
the norm. Of all that was tried the worst for the network is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitreous.robust.goal import Goal, Targets, judged, slope
from vitreous.robust.norms import Norm
from vitreous.shapes import Images


def ascend(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal,
    norm: Norm,
    *,
    eps: float,
    steps: int,
    step: float,
    start: torch.Generator | None = None,
    memory: float = 0.0,
    last: bool = False,
) -> Images:
    """Images of the same shape, each at most `eps` away and in [0, 1].

    step    size of one step, in the norm
    start   where a random point of the ball is the first; None: the images themselves
    memory  share of the earlier gradients that is kept, each with a mean size of 1
    last    give the end of the way, and not the worst point of it: that saves a pass
    """
    if eps == 0 or steps == 0:
        return images
    delta = torch.zeros_like(images)
    if start is not None:
        delta = inside(images, norm.draw(images, eps, start))
    speed = torch.zeros_like(images)
    best = moved(images, delta)
    worst: Tensor | None = None
    for number in range(steps):
        found = slope(model, moved(images, delta), targets, goal)
        if number or start is not None:
            best, worst = worse(best, worst, moved(images, delta), found.harm)
        uphill = found.gradient
        if memory:
            scale = uphill.abs().flatten(1).mean(1).clamp(min=1e-30).view(-1, 1, 1, 1)
            speed = memory * speed + uphill / scale
            uphill = speed
        delta = inside(images, norm.project(delta + step * norm.steepest(uphill), eps))
    if last:
        return moved(images, delta)
    final = judged(model, moved(images, delta), targets, goal)
    return worse(best, worst, moved(images, delta), final)[0]


def moved(images: Images, delta: Tensor) -> Images:
    """The images with the perturbation on them, in [0, 1]."""
    return (images + delta).clamp(0, 1)


def inside(images: Images, delta: Tensor) -> Tensor:
    """The part of δ that leaves the images in [0, 1]; no norm of it is larger."""
    return moved(images, delta) - images


def worse(
    best: Images, worst: Tensor | None, images: Images, harm: Tensor
) -> tuple[Images, Tensor]:
    """For each example the attack of greater harm, and that harm."""
    if worst is None:
        return images, harm
    better = harm > worst
    return torch.where(better.view(-1, 1, 1, 1), images, best), torch.maximum(harm, worst)

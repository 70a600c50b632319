"""PGD, projected gradient descent: many small steps from a random point of the ball.

The usual measure of robustness: it finds what a gradient can find. Of all points on the way the
worst is kept, over several starts if asked for.
Madry et al. (2018), "Towards deep learning models resistant to adversarial attacks",
arXiv:1706.06083.
"""

from __future__ import annotations

import torch
from torch import nn

from vitreous.robust.ascent import ascend, worse
from vitreous.robust.goal import CLASSES, Goal, Targets, judged
from vitreous.robust.norms import norm_of
from vitreous.shapes import Images

STEPS = 20
REACH = 2.5  # radii that all steps together could go: from any start to any point of the ball


def pgd(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal = CLASSES,
    *,
    eps: float,
    norm: str = "inf",
    steps: int = STEPS,
    step: float | None = None,
    restarts: int = 1,
    start: bool = True,
    seed: int = 0,
) -> Images:
    """Images (B, C, H, W) in [0, 1], each at most `eps` away in the norm, of images in [0, 1].

    step      size of one; None is 2.5 ε / steps
    restarts  random points that are begun from; the worst end counts
    start     begin at a random point; else at the images, and then once
    seed      of these points

    Raises ModelError for a network without gradients.
    """
    if eps == 0 or steps == 0:
        return images
    size = REACH * eps / steps if step is None else step
    generator = torch.Generator().manual_seed(seed)
    best, worst = images, None
    for _ in range(restarts if start else 1):
        found = ascend(
            model,
            images,
            targets,
            goal,
            norm_of(norm),
            eps=eps,
            steps=steps,
            step=size,
            start=generator if start else None,
        )
        if restarts == 1 or not start:
            return found
        best, worst = worse(best, worst, found, judged(model, found, targets, goal))
    return best

"""Momentum PGD: each step follows the mean of the gradients so far, and so leaves small hollows.

Its perturbations fool other networks more often than those of PGD.
Dong et al. (2018), "Boosting adversarial attacks with momentum", arXiv:1710.06081, algorithm 1.
"""

from __future__ import annotations

from torch import nn

from vitreous.robust.ascent import ascend
from vitreous.robust.goal import CLASSES, Goal, Targets
from vitreous.robust.norms import norm_of
from vitreous.shapes import Images

STEPS = 10
MEMORY = 1.0


def momentum_pgd(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal = CLASSES,
    *,
    eps: float,
    norm: str = "inf",
    steps: int = STEPS,
    memory: float = MEMORY,
    seed: int = 0,
) -> Images:
    """As `pgd`, from the images themselves, with steps of ε / steps.

    memory  share of the earlier gradients that is kept
    """
    size = eps / max(steps, 1)
    row = norm_of(norm)
    return ascend(model, images, targets, goal, row, eps=eps, steps=steps, step=size, memory=memory)

"""FGSM, the fast gradient sign method: one step of full size along the gradient of the loss.

    x' = x + ε sign(∇ loss)        for L∞; for L2 along the gradient itself

On a linear model it is the best that an attack can do. On others it is the weakest one: what
withstands it alone has been shown nothing.
Goodfellow et al. (2015), "Explaining and harnessing adversarial examples", arXiv:1412.6572, sec. 4.
"""

from __future__ import annotations

from torch import nn

from vitreous.robust.ascent import ascend
from vitreous.robust.goal import CLASSES, Goal, Targets
from vitreous.robust.norms import norm_of
from vitreous.shapes import Images


def fgsm(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal = CLASSES,
    *,
    eps: float,
    norm: str = "inf",
    seed: int = 0,
) -> Images:
    """Images (B, C, H, W) in [0, 1], each changed by a step of size `eps`, of images in [0, 1].

    targets  as the goal takes them: {"class": (B,) numbers}, unless it is another one

    Raises ModelError for a network without gradients.
    """
    return ascend(model, images, targets, goal, norm_of(norm), eps=eps, steps=1, step=eps)

"""DeepFool: the nearest boundary of the classes, found by taking the network for a linear one.

    r = |f_k| / ‖∇f_k‖² ∇f_k,   k = argmin |f_k| / ‖∇f_k‖        (f_k: a margin, see `Goal`)

and again from there, until the answer is wrong. On a linear model one step is exact. The distance
is what is told: how little is enough.
Moosavi-Dezfooli et al. (2016), "DeepFool: a simple and accurate method to fool deep neural
networks", arXiv:1511.04599, algorithm 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitreous.explain.looking import looking
from vitreous.robust.ascent import inside, moved
from vitreous.robust.goal import CLASSES, Goal, Targets, gradient_of, judged, own, some
from vitreous.shapes import Images
from vitreous.training.precision import widened

STEPS = 50
BEYOND = 0.02  # of the way more, so that the boundary is crossed
NEAREST = 10  # boundaries that are looked at; each costs a backward pass


def deepfool(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal = CLASSES,
    *,
    norm: str = "2",
    steps: int = STEPS,
    beyond: float = BEYOND,
    seed: int = 0,
) -> Images:
    """Images (B, C, H, W) in [0, 1] that are answered wrongly and lie near the given ones. Where
    the answer is wrong already, or `steps` do not change it, they are the given ones.

    norm    2 or inf, in which the distance is small

    Raises ModelError for a network without gradients.
    """
    way = torch.zeros_like(images)
    found = images.clone()
    left = (judged(model, images, targets, goal) <= 0).nonzero()[:, 0]
    for _ in range(steps):
        if not len(left):
            break
        asked = some(targets, left)
        now = moved(images[left], (1 + beyond) * way[left])
        values, gradients = boundaries(model, now, asked, goal)
        # What is black or white already cannot be moved any further.
        stuck = ((now <= 0) & (gradients > 0)) | ((now >= 1) & (gradients < 0))
        step = nearest(values, gradients.masked_fill(stuck, 0), norm)
        way[left] = inside(images[left], way[left] + step)
        there = moved(images[left], (1 + beyond) * way[left])
        over = judged(model, there, asked, goal) > 0
        found[left[over]] = there[over]
        left = left[~over]
    return found


def boundaries(
    model: nn.Module, images: Images, targets: Targets, goal: Goal
) -> tuple[Tensor, Tensor]:
    """(B, K) the smallest margins of each image, and (K, B, C, H, W) their gradients."""
    with looking(model):
        leaf = own(model, images).requires_grad_()
        margins = goal.margins(widened(model(leaf.clone())), targets)
        assert margins is not None  # `attacks` asks only where there are some
        values, _ = margins.topk(min(NEAREST, margins.shape[1]), dim=1, largest=False)
        rows = [gradient_of(column.sum(), leaf, keep=True) for column in values.unbind(1)]
    return values.detach().to(images.dtype), torch.stack(rows).to(images.dtype)


def nearest(values: Tensor, gradients: Tensor, norm: str) -> Tensor:
    """(B, C, H, W) the step to the nearest of these boundaries, were they planes.

    values, gradients  as `boundaries` gives them
    """
    flat = gradients.flatten(2)  # (K, B, n)
    lengths = (flat.norm(dim=2) if norm == "2" else flat.abs().sum(2)).clamp(min=1e-12)
    distances = values.T.abs() / lengths
    chosen = distances.argmin(0)
    each = torch.arange(len(chosen), device=chosen.device)
    distance, normal = distances[chosen, each], gradients[chosen, each]
    if norm == "2":
        unit = normal / lengths[chosen, each].view(-1, 1, 1, 1)
    else:
        unit = normal.sign()
    return -distance.view(-1, 1, 1, 1) * unit

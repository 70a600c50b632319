"""Minimal distortion: the smallest change that makes an answer wrong, by box-constrained L-BFGS.

    minimize c ‖r‖² + softplus(f(x + r))   with x + r in [0, 1]        (f: the smallest margin)

for the largest c that still gives a wrong answer, which is found by bisection. It takes hundreds of
passes an image and finds less than any other attack: the distances are what a defense is worth.
Szegedy et al. (2014), "Intriguing properties of neural networks", arXiv:1312.6199, section 4.1.
The loss there is the cross-entropy of a chosen wrong class; here it is the nearest one, and a
function that goes flat once it is crossed.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.explain.looking import looking
from vitreous.robust.deepfool import deepfool
from vitreous.robust.goal import CLASSES, Goal, Targets, gradient_of, judged, own, some
from vitreous.shapes import Images
from vitreous.training.precision import widened

SEARCHES = 10  # halvings of the interval of log c
SPAN = 1e4  # largest c over the smallest
ITERATIONS = 30  # of L-BFGS, for each c
CROSSINGS = 12  # halvings of the way from an image to its attack


def minimal_distortion(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal = CLASSES,
    *,
    steps: int = ITERATIONS,
    searches: int = SEARCHES,
    norm: str = "2",
    seed: int = 0,
) -> Images:
    """Images (B, C, H, W) in [0, 1] that are answered wrongly and lie as near as was found, in L2.
    Where the answer is wrong already, or nothing makes it so, they are the given ones.

    steps     iterations of L-BFGS for each c
    searches  values of c that are tried

    DeepFool's answer is what it begins with, and what it has to beat.
    """
    found = deepfool(model, images, targets, goal)
    wrong = judged(model, images, targets, goal) > 0
    for row in (~wrong).nonzero()[:, 0]:
        one = slice(int(row), int(row) + 1)
        asked = some(targets, row[None])
        found[one] = _nearer(model, images[one], found[one], asked, goal, steps, searches)
    return found


def _nearer(
    model: nn.Module,
    image: Images,
    known: Images,
    targets: Targets,
    goal: Goal,
    steps: int,
    searches: int,
) -> Images:
    """For one image (1, C, H, W).

    known  an attack on it, or the image itself where there is none
    """
    from scipy.optimize import minimize

    clean = image.double().cpu().numpy().ravel()
    best, distance = known, float((known - image).norm()) or math.inf
    begin = known.double().cpu().numpy().ravel()

    def tensor(point: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(point).view_as(image).to(image)

    def objective(point: NDArray[np.float64], c: float) -> tuple[float, NDArray[np.float64]]:
        leaf = own(model, tensor(point)).requires_grad_()
        margins = goal.margins(widened(model(leaf.clone())), targets)
        assert margins is not None
        value = F.softplus(margins.amin(1).double()).sum()
        gradient = gradient_of(value, leaf).double().cpu().numpy().ravel()
        away = point - clean
        return c * float(away @ away) + value.item(), 2 * c * away + gradient

    # Where both terms pull alike, c ‖r‖² is about the softplus at the boundary, log 2.
    middle = math.log(2) / distance**2 if math.isfinite(distance) else 1.0
    low, high = math.log(middle / SPAN), math.log(middle * SPAN)
    with looking(model):
        for _ in range(searches):
            c = (low + high) / 2
            solved = minimize(
                objective,
                begin,
                (math.exp(c),),
                method="L-BFGS-B",
                jac=True,
                bounds=[(0, 1)] * len(clean),
                options={"maxiter": steps},
            )
            candidate = tensor(solved.x)
            if float(judged(model, candidate, targets, goal)) > 0:
                low, size = c, float((candidate - image).norm())
                if size < distance:
                    best, distance, begin = candidate, size, solved.x
            else:
                high = c
    return _crossing(model, image, best, targets, goal)


def _crossing(
    model: nn.Module, image: Images, wrong: Images, targets: Targets, goal: Goal
) -> Images:
    """Where the straight line to an attack crosses the boundary, on its far side."""
    low, high = 0.0, 1.0
    for _ in range(CROSSINGS):
        middle = (low + high) / 2
        there = image + middle * (wrong - image)
        over = float(judged(model, there, targets, goal)) > 0
        low, high = (low, middle) if over else (middle, high)
    return image + high * (wrong - image) if high < 1 else wrong

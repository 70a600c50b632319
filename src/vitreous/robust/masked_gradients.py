"""Masked gradients: signs that an attack fails because gradients lead nowhere, not because the
network is robust.

Each check is an attack that cannot be better than the one that is doubted, unless something is
wrong with its gradients. What withstands gradients and falls to a dice is not robust.
Athalye et al. (2018), "Obfuscated gradients give a false sense of security", arXiv:1802.00420,
section 3.1; Carlini et al. (2019), "On evaluating adversarial robustness", arXiv:1902.06705.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.robust.ascent import moved
from vitreous.robust.fgsm import fgsm
from vitreous.robust.goal import Goal, Targets, decided, judged, slope
from vitreous.robust.norms import norm_of
from vitreous.robust.pgd import pgd
from vitreous.robust.random_search import random_search
from vitreous.shapes import Images

SHARE = 0.05  # of the images: beyond, a check speaks
LEAST = 2  # images
DIRECTIONS = 20  # random ones
SEARCHES = 200  # squares
MORE = 5  # times as many steps
RESTARTS = 4


@dataclass(frozen=True)
class Suspicion:
    """Something that speaks against a measured robustness.

    name   of the check, such as black_box
    text   a sentence with what was counted
    masks  are gradients masked? Else the attack was too short
    """

    name: str
    text: str
    masks: bool = True

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "text": self.text, "masks": self.masks}


@dataclass(frozen=True, eq=False)
class Doubted:
    """An attack by gradients, and what checks need to doubt it.

    images   that were answered rightly, where answers are right or wrong
    harm     (B,) of PGD on them, see `Goal.harm`
    decides  are answers right or wrong?
    """

    model: nn.Module
    images: Images
    targets: Targets
    goal: Goal
    eps: float
    norm: str
    steps: int
    seed: int
    harm: Tensor
    decides: bool

    def beaten_by(self, images: Images) -> int:
        """On how many images is another attack worse for the network?"""
        harm = judged(self.model, images, self.targets, self.goal)
        if self.decides:
            return int(((harm > 0) & (self.harm <= 0)).sum())
        return int((harm > self.harm + 1e-3 * self.harm.abs()).sum())


def suspicions(
    model: nn.Module,
    images: Images,
    targets: Targets,
    goal: Goal,
    *,
    eps: float,
    norm: str,
    steps: int,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Suspicion]:
    """What speaks against the robustness that PGD finds with these settings.

    images  (B, C, H, W) that are answered rightly, where answers are right or wrong

    Raises ModelError for a network without gradients.
    """
    found = pgd(model, images, targets, goal, eps=eps, norm=norm, steps=steps, seed=seed)
    harm = judged(model, found, targets, goal)
    decides = decided(model, images[:1], targets, goal)
    doubted = Doubted(model, images, targets, goal, eps, norm, steps, seed, harm, decides)
    said = []
    for number, check in enumerate(CHECKS, 1):
        said.append(check(doubted))
        if progress:
            progress(number, len(CHECKS))
    return [one for one in said if one is not None]


def flat_loss(doubted: Doubted) -> Suspicion | None:
    found = slope(doubted.model, doubted.images, doubted.targets, doubted.goal)
    flat = int((found.gradient.abs().flatten(1).amax(1) == 0).sum())
    return _speaks(
        doubted, flat, "flat_loss", "the loss is flat: its gradient is zero on {} of {} images"
    )


def one_step(doubted: Doubted) -> Suspicion | None:
    found = fgsm(
        doubted.model,
        doubted.images,
        doubted.targets,
        doubted.goal,
        eps=doubted.eps,
        norm=doubted.norm,
    )
    return _speaks(
        doubted,
        doubted.beaten_by(found),
        "one_step",
        "one step does better than many on {} of {} images",
    )


def random_direction(doubted: Doubted) -> Suspicion | None:
    norm, images = norm_of(doubted.norm), doubted.images
    generator = torch.Generator().manual_seed(doubted.seed + 1)
    worst: Tensor | None = None
    for _ in range(DIRECTIONS):
        way = norm.draw(images, 1.0, generator)
        full = way * (doubted.eps / norm.size(way).clamp(min=1e-30)).view(-1, 1, 1, 1)
        harm = judged(doubted.model, moved(images, full), doubted.targets, doubted.goal)
        worst = harm if worst is None else torch.maximum(worst, harm)
    assert worst is not None
    better = worst > (0 if doubted.decides else doubted.harm + 1e-3 * doubted.harm.abs())
    count = int((better & ((doubted.harm <= 0) | (not doubted.decides))).sum())
    return _speaks(
        doubted,
        count,
        "random_direction",
        f"the best of {DIRECTIONS} random directions does better than the gradient on {{}} of {{}} "
        "images",
    )


def black_box(doubted: Doubted) -> Suspicion | None:
    if doubted.norm != "inf":
        return None
    found = random_search(
        doubted.model,
        doubted.images,
        doubted.targets,
        doubted.goal,
        eps=doubted.eps,
        steps=SEARCHES,
        seed=doubted.seed,
    )
    return _speaks(
        doubted,
        doubted.beaten_by(found),
        "black_box",
        "a search that sees no gradient does better than the gradient on {} of {} images",
    )


def unbounded(doubted: Doubted) -> Suspicion | None:
    """With every image allowed, each answer can be made wrong."""
    if not doubted.decides:
        return None
    widest = norm_of(doubted.norm).widest(doubted.images[0].numel())
    found = _pgd(doubted, eps=widest, steps=max(doubted.steps, 20))
    withstood = judged(doubted.model, found, doubted.targets, doubted.goal) <= 0
    return _speaks(
        doubted,
        int(withstood.sum()),
        "unbounded",
        "even an attack without bounds leaves {} of {} images right",
    )


def more_steps(doubted: Doubted) -> Suspicion | None:
    steps = MORE * doubted.steps
    return _speaks(
        doubted,
        doubted.beaten_by(_pgd(doubted, steps=steps)) if doubted.decides else 0,
        "more_steps",
        f"{steps} steps make {{}} of {{}} images wrong that {doubted.steps} do not: give more with "
        "--steps",
        masks=False,
    )


def restarts(doubted: Doubted) -> Suspicion | None:
    return _speaks(
        doubted,
        doubted.beaten_by(_pgd(doubted, restarts=RESTARTS)) if doubted.decides else 0,
        "restarts",
        f"{RESTARTS} random starts make {{}} of {{}} images wrong that one does not: the loss is "
        "rugged; give more with --restarts",
        masks=False,
    )


CHECKS = (flat_loss, one_step, random_direction, black_box, unbounded, more_steps, restarts)


def _pgd(doubted: Doubted, **changed: Any) -> Images:
    options = {"eps": doubted.eps, "steps": doubted.steps, **changed}
    return pgd(
        doubted.model,
        doubted.images,
        doubted.targets,
        doubted.goal,
        norm=doubted.norm,
        seed=doubted.seed,
        **options,
    )


def _speaks(
    doubted: Doubted, count: int, name: str, text: str, masks: bool = True
) -> Suspicion | None:
    total = len(doubted.images)
    if count < max(LEAST, SHARE * total):
        return None
    return Suspicion(name, text.format(f"{count:,}", f"{total:,}"), masks)

"""The table of adversarial attacks: from a network, images and their targets to other images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from vitreous.errors import UsageError, unknown
from vitreous.robust import (
    adversarial_patch,
    deepfool,
    fgsm,
    minimal_distortion,
    momentum_pgd,
    pgd,
    random_search,
    universal,
)
from vitreous.robust.ascent import moved
from vitreous.robust.norms import norm_of
from vitreous.shapes import Images

Kind = Literal["bounded", "nearest", "shared"]


@dataclass(frozen=True)
class Attack:
    """A way to change images so that answers become wrong.

    says    what it does, in a few words
    apply   (model, images, targets, goal, **options) to images
    norms   in which its changes can be measured; the first is the default
    steps   that it takes unless told; None: it takes one
    kind    bounded: within ε; nearest: it looks for the smallest change, and what is larger than ε
            does not count; shared: within ε, one change for all images
    wrong   does it need answers that are right or wrong?
    most    images that it is tried on, unless told: it takes that long
    find    what is shared: (model, images, targets, goal, **options) to a change; and lay: (images,
            change, seed) to images with it on them
    """

    says: str
    apply: Callable[..., Images]
    norms: tuple[str, ...]
    steps: int | None
    kind: Kind = "bounded"
    wrong: bool = False
    most: int = 1000
    find: Callable[..., Tensor] | None = None
    lay: Callable[[Images, Tensor, int], Images] | None = None


ATTACKS: dict[str, Attack] = {
    "pgd": Attack(
        "many small steps along the gradient, from a random start",
        pgd.pgd,
        ("inf", "2", "1"),
        pgd.STEPS,
    ),
    "fgsm": Attack("one step along the gradient", fgsm.fgsm, ("inf", "2", "1"), None),
    "momentum_pgd": Attack(
        "steps along the mean of the gradients so far",
        momentum_pgd.momentum_pgd,
        ("inf", "2", "1"),
        momentum_pgd.STEPS,
    ),
    "deepfool": Attack(
        "steps to the nearest boundary, as if the network were linear",
        deepfool.deepfool,
        ("2", "inf"),
        deepfool.STEPS,
        kind="nearest",
        wrong=True,
    ),
    "minimal_distortion": Attack(
        "the smallest change, by box-constrained L-BFGS",
        minimal_distortion.minimal_distortion,
        ("2",),
        minimal_distortion.ITERATIONS,
        kind="nearest",
        wrong=True,
        most=100,
    ),
    "universal": Attack(
        "one change for all images",
        universal.universal,
        ("inf", "2", "1"),
        universal.STEPS,
        kind="shared",
        find=universal.perturbation,
        lay=lambda images, change, seed: moved(images, change),
    ),
    "patch": Attack(
        "one square that is laid over any image, anywhere",
        adversarial_patch.patch,
        ("0",),
        adversarial_patch.STEPS,
        kind="shared",
        find=adversarial_patch.patch_for,
        lay=adversarial_patch.anywhere,
    ),
    "random_search": Attack(
        "random squares that are kept where they harm; it needs no gradients",
        random_search.random_search,
        ("inf",),
        random_search.STEPS,
    ),
}
"""The attacks by name; the first is the usual measure."""


def attack_of(name: str) -> Attack:
    """The row of the table. Raises UsageError that offers the nearest names."""
    if name not in ATTACKS:
        raise unknown("attack", name, ATTACKS, where="--attack")
    return ATTACKS[name]


def settings(name: str, norm: str | None, steps: int | None) -> tuple[Attack, str, dict[str, Any]]:
    """The row, the norm, and the keywords of `apply` without a size.

    norm, steps  None is the attack's own

    Raises UsageError for settings that do not fit the attack.
    """
    row = attack_of(name)
    if steps is not None and steps < 1:
        raise UsageError(f"{steps} is out of range", where="--steps", remedy="Give 1 or more.")
    if steps is not None and row.steps is None:
        raise UsageError(
            f"{name} takes one step", where="--steps", remedy="Leave it out, or choose pgd."
        )
    given = norm or row.norms[0]
    norm_of(given)
    if given not in row.norms:
        raise UsageError(
            f"changes of {name} are not measured by {norm_of(given).title}",
            where="--norm",
            remedy=f"Give {' or '.join(row.norms)}, or leave it out.",
        )
    options: dict[str, Any] = {"norm": given}
    if row.steps is not None:
        options["steps"] = row.steps if steps is None else steps
    return row, given, options


def options_of(attack: Attack, *, eps: float, norm: str, steps: int | None) -> dict[str, Any]:
    """The keywords of `apply`.

    eps    a size in [0, 1]
    steps  None is the attack's own number
    """
    options: dict[str, Any] = {"norm": norm}
    if attack.kind != "nearest":
        options["eps"] = eps
    if attack.steps is not None:
        options["steps"] = attack.steps if steps is None else steps
    return options

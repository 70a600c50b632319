"""Policies by name, with defaults that keep the label true.

A mirrored 2 is no 2, and a sign that points left points right in the mirror: where the class names
look like digits, letters or directions, nothing is mirrored unless it is asked for. Nor is it where
nobody knows which points the mirror exchanges.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from vitreous.augment.policy import Augment
from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import unknown

TINY = 64  # pixels a side, up to which interpolation costs more detail than it brings variety

MIRROR: dict[str, Any] = {"flip": 0.5}
MILD: dict[str, Any] = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2}
VIVID: dict[str, Any] = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 15}
ANY_COLOR: dict[str, Any] = {"brightness": 0.4, "contrast": 0.4, "saturation": 1.0, "hue": 36}
SHADES: dict[str, Any] = {"brightness": 0.2, "contrast": 0.2}
BENT: dict[str, Any] = {"shift": 0.1, "rotate": 20, "scale": 0.2, "shear": 15}
POSED: dict[str, Any] = {"shift": 0.1, "scale": 0.25}

# name → what the images are → policy. Symbols are digits and letters of any size.
RECIPES: dict[str, dict[str, Augment]] = {
    "none": {
        "photos": Augment(),
        "tiny": Augment(),
        "symbols": Augment(),
    },
    "light": {
        "photos": Augment(**MIRROR, shift=1 / 16),
        "tiny": Augment(**MIRROR, shift=1 / 16),
        "symbols": Augment(shift=1 / 16, border="edge"),
    },
    "alternate": {  # every image mirrored in every other epoch
        "photos": Augment(**MIRROR, alternate=True, shift=1 / 16),
        "tiny": Augment(**MIRROR, alternate=True, shift=1 / 16),
        "symbols": Augment(shift=1 / 16, border="edge"),
    },
    "pieces": {  # at the image's own scale, for what is told of each pixel by those about it
        "photos": Augment(**MIRROR, piece=64),
        "tiny": Augment(**MIRROR, shift=1 / 16),
        "symbols": Augment(shift=1 / 16, border="edge"),
    },
    "standard": {
        "photos": Augment(**MIRROR, **MILD, crop=0.35),
        "tiny": Augment(**MIRROR, shift=1 / 8),
        "symbols": Augment(shift=1 / 14, rotate=10, scale=0.1, shear=5, border="edge"),
    },
    "strong": {
        "photos": Augment(
            **MIRROR, **VIVID, crop=0.2, rotate=10, perspective=0.1, erase=0.25, mixup=0.2
        ),
        "tiny": Augment(**MIRROR, **MILD, shift=1 / 8, rotate=10, scale=0.1, erase=0.25, mixup=0.2),
        "symbols": Augment(
            shift=1 / 10,
            rotate=15,
            scale=0.15,
            shear=10,
            perspective=0.1,
            noise=0.05,
            border="edge",
        ),
    },
    "scenes": {  # nearer and farther, for answers that lie in the image
        "photos": Augment(**MIRROR, **MILD, crop=0.6, scale=0.3),
        "tiny": Augment(**MIRROR, shift=1 / 8, scale=0.1),
        "symbols": Augment(shift=1 / 14, rotate=10, scale=0.2, border="edge"),
    },
    "elastic": {
        "photos": Augment(**MIRROR, **SHADES, piece=256, rotate=20, scale=0.3, elastic=0.03),
        "tiny": Augment(**MIRROR, shift=1 / 8, rotate=10, elastic=0.04),
        "symbols": Augment(shift=1 / 14, rotate=10, scale=0.1, elastic=0.04, border="edge"),
    },
    "turn": {
        "photos": Augment(**MIRROR, **MILD, **POSED, rotate=30, border="edge"),
        "tiny": Augment(**MIRROR, **POSED, rotate=15, border="edge"),
        "symbols": Augment(**POSED, rotate=10, border="edge"),
    },
    "zoom": {
        "photos": Augment(**MIRROR, **MILD, **POSED, border="edge"),
        "tiny": Augment(**MIRROR, **POSED, border="edge"),
        "symbols": Augment(**POSED, border="edge"),
    },
    "randaugment": {
        "photos": Augment(**MIRROR, **VIVID, **BENT, crop=0.35, erase=1, num_ops=2),
        "tiny": Augment(**MIRROR, **VIVID, **BENT, erase=1, num_ops=2),
        "symbols": Augment(**MILD, **BENT, erase=1, num_ops=2, border="edge"),
    },
    "views": {  # as much as leaves an image the same one, for learning without labels
        "photos": Augment(**MIRROR, **ANY_COLOR, crop=0.2),
        "tiny": Augment(**MIRROR, **ANY_COLOR, crop=0.2),
        "symbols": Augment(**SHADES, **BENT, crop=0.5, border="edge"),
    },
    "augmix": {
        "photos": Augment(**MIRROR, **VIVID, **BENT, crop=0.35, num_ops=2, num_chains=3),
        "tiny": Augment(**MIRROR, **VIVID, **BENT, num_ops=2, num_chains=3),
        "symbols": Augment(**MILD, **BENT, num_ops=2, num_chains=3, border="edge"),
    },
}

SYMBOL_SETS = {
    "mnist",
    "emnist",
    "kmnist",
    "qmnist",
    "usps",
    "svhn",
    "omniglot",
    "digits",
    "letters",
}
NUMERALS = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
DIRECTIONS = {"left", "right", "east", "west", "clockwise", "counterclockwise", "anticlockwise"}


def named_policy(
    name: str,
    *,
    contract: PixelContract,
    classes: Sequence[str] | None = None,
    dataset: str | None = None,
    mirrors: bool = True,
    **changes: Any,
) -> Augment:
    """The policy of this name for these images.

    contract  its size tells photos from tiny images
    classes   class names, and
    dataset   the data set's name tell digits and letters, which are never mirrored
    mirrors   is it known what all targets become in a mirror?
    changes   strengths that replace the recipe's own, such as mixup=0.2; None changes nothing

    Raises UsageError for an unknown name or strength.
    """
    if name not in RECIPES:
        raise unknown("augmentation recipe", name, RECIPES, where="--augment")
    known = {field.name for field in dataclasses.fields(Augment)}
    for key in changes:
        if key not in known:
            raise unknown("augmentation", key, known)
    kind = "tiny" if max(contract.height, contract.width) <= TINY else "photos"
    # Classes of targets that move are of places in an image: "3" is a number in a mask there.
    whole = () if contract.exact else classes or ()
    chosen = RECIPES[name]["symbols" if symbols(whole, dataset or "") else kind]
    if directed(classes or ()) or not mirrors:
        chosen = dataclasses.replace(chosen, flip=0.0)
    given = {key: value for key, value in changes.items() if value is not None}
    return dataclasses.replace(chosen, **{"name": name, **given})


def symbols(classes: Sequence[str], dataset: str = "") -> bool:
    """Are the images digits or letters, as far as names tell?"""
    words = set(re.findall(r"[a-z]+", dataset.lower()))
    if "fashion" in words:  # its classes are numbered like digits
        return False
    names = [name.strip().lower() for name in classes]
    return bool(words & SYMBOL_SETS) or (
        len(names) > 1
        and all(len(name) == 1 or name.isdecimal() or name in NUMERALS for name in names)
    )


def directed(classes: Sequence[str]) -> bool:
    """Does a class name speak of a direction that a mirror turns round?"""
    return any(DIRECTIONS & set(re.findall(r"[a-z]+", name.lower())) for name in classes)

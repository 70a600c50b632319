"""Skeleton: which named points are joined by a line, such as the joints of a limb.

The bodies of data sets agree on the names of joints well enough to know their limbs by them; other
points stay dots.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SIDED = (
    *(("ankle", "knee"), ("knee", "hip"), ("hip", "shoulder"), ("shoulder", "elbow")),
    *(("elbow", "wrist"), ("shoulder", "neck"), ("eye", "nose"), ("ear", "eye")),
)
"""Parts that are joined on one side, or with the one that has none."""

OTHERS = (("left hip", "right hip"), ("left shoulder", "right shoulder"), ("neck", "head"))
WORDS = {"l": "left", "r": "right", "top": "", "of": "", "the": "", "joint": ""}


def limbs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Positions of the points that are joined, in pairs.

    >>> limbs(["left elbow", "right elbow", "Left_Wrist", "wrist of the sea"])
    [(0, 2)]
    """
    places = {_plain(name): place for place, name in enumerate(names)}
    pairs = [*OTHERS]
    for side in ("left", "right"):
        for one, other in SIDED:
            pairs.append((f"{side} {one}", f"{side} {other}"))
            pairs.append((f"{side} {one}", other))
    if "neck" in places:  # the shoulders meet there
        pairs.remove(("left shoulder", "right shoulder"))
    return [(places[a], places[b]) for a, b in pairs if a in places and b in places]


def _plain(name: str) -> str:
    """The side first, then the part, in small letters and without words that say nothing."""
    words = [WORDS.get(word, word) for word in re.findall("[a-z]+", name.lower())]
    sides = [word for word in words if word in ("left", "right")]
    return " ".join([*sides, *(word for word in words if word and word not in sides)])

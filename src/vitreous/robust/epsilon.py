"""Epsilon: how much of an image an attack may change, as people write it and as a number.

It is stated once, in gray levels of 0 to 255, for every norm: "8" and "8/255" are the same. A bare
fraction such as 0.03 could be meant of [0, 1] or of 255, and an attack that is 255 times too weak
looks like a robust network: it is refused. Of a patch it is the percentage of the pixels.
"""

from __future__ import annotations

import math
import re

from vitreous.errors import UsageError
from vitreous.formats import plain
from vitreous.robust.norms import norm_of

LEVELS = 255
LEAST = 1.0  # below, a number without "/255" is taken for a fraction of [0, 1]


def epsilon(text: str | float, norm: str, values: int) -> float:
    """The size in [0, 1] that is meant.

    text    8, "8", "8/255"; 0 is no change
    norm    a key of NORMS
    values  of one image: C · H · W

    Raises UsageError for what is no size, ambiguous, or larger than any change of an image.
    """
    row, percents = norm_of(norm), norm == "0"
    match = re.fullmatch(r"\s*([-+.\deE]+)\s*(/\s*255)?\s*", str(text))
    try:
        number = float(match.group(1)) if match else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (percents and match and match.group(2)):
        raise UsageError(
            f"'{text}' is no size of a perturbation",
            where="--eps",
            remedy="Give a percentage of the pixels, such as 5."
            if percents
            else "Give gray levels of 255, such as 8 or 8/255.",
        )
    scale = 100 if percents else LEVELS
    most = scale * row.widest(values)
    if not 0 <= number <= most:
        raise UsageError(
            f"{text} is out of range",
            where="--eps",
            remedy=f"Give {row.unit} from 0 to {plain(most)}: by {row.title}, no image of this "
            "size can be changed by more.",
        )
    if 0 < number < LEAST and match and not match.group(2) and not percents:
        raise UsageError(
            f"{text} may be a part of 1 or of {LEVELS}",
            where="--eps",
            remedy=f"Write {LEVELS * number:.3g} if it is meant of [0, 1], or {text}/{LEVELS} for "
            f"{text} gray levels.",
        )
    return number / scale


def shown(size: float, norm: str) -> float:
    """The number that people read for a size in [0, 1]."""
    return size * (100 if norm == "0" else LEVELS)

"""What the values of masks mean: which classes there are, and which value stands for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitreous.data.maps import IGNORED, VALUES
from vitreous.errors import DataError

BLACK, WHITE = 0, 255
TWO = ("background", "foreground")


@dataclass(frozen=True)
class Meaning:
    """The classes of masks.

    classes  names, by number
    table    (256,) the number that each value stands for; None where values are numbers already
    note     what was concluded, in words, if anything was
    """

    classes: tuple[str, ...]
    table: NDArray[np.uint8] | None = None
    note: str = ""


def meaning(shown: NDArray[np.bool_], names: Sequence[str] | None, where: str) -> Meaning:
    """What the values that masks show mean; values beyond the named classes are found later.

    shown  (256,) which values there are
    names  of the classes, by number; None: numbers are their own names

    Black and white alone are two classes; all else is class numbers, of which 255 is ignored.
    Raises DataError where all that is shown is ignored.
    """
    values = np.flatnonzero(shown)
    if set(values.tolist()) == {BLACK, WHITE} and (names is None or len(names) == 2):
        table = np.full(VALUES, IGNORED, np.uint8)
        table[[BLACK, WHITE]] = 0, 1
        classes = tuple(names or TWO)
        return Meaning(classes, table, f"masks are black and white: {classes[0]}, {classes[1]}")
    if names is not None:
        return Meaning(tuple(names))
    numbers = values[values != IGNORED]
    if not len(numbers):
        raise DataError(
            f"all pixels of all masks are {IGNORED}, which is ignored",
            where=where,
            remedy="Give classes the numbers 0, 1, 2, …",
        )
    count = int(numbers.max()) + 1
    note = f"masks show the classes 0 to {count - 1}, which have no names"
    return Meaning(tuple(str(number) for number in range(count)), None, note)

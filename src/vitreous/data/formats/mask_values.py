"""What the values of masks mean: which classes there are, and which value stands for which."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitreous.data.maps import IGNORED, VALUES
from vitreous.errors import DataError

BLACK, WHITE = 0, 255
VOID = {"-", "void", "ignore", "ignored", "unlabeled", "unlabelled"}  # names of what is no class
TWO = ("background", "foreground")
CAMVID = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car"),
    *("pedestrian", "bicyclist", "void"),
)
"""The numbers of CamVid's masks in the edition of SegNet, which carries no file of names.

Badrinarayanan et al. (2017), "SegNet", arXiv:1511.00561.
"""


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


def is_void(name: str) -> bool:
    """Does a name say that its pixels have no class?"""
    return name.strip().lower() in VOID


def _two(names: Sequence[str]) -> bool:
    return len(names) == 2 and not any(map(is_void, names))


def named_values(names: Sequence[str], where: str) -> Meaning:
    """Values that are the numbers of these names; those of a void name are ignored, and the classes
    behind it move up. Its note continues one about the classes.
    """
    classes = tuple(name for name in names if not is_void(name))
    if not classes:
        raise DataError(
            "names no class", where=where, remedy="Write one name for each class, a line each."
        )
    if len(names) > VALUES:
        raise DataError(
            f"names {len(names):,} numbers",
            where=where,
            remedy=f"At most {VALUES} fit into the byte of a pixel.",
        )
    if len(classes) == len(names):
        return Meaning(classes)
    # A value beyond the names stays as it is: it is an error, and told by its own number.
    table = np.arange(VALUES, dtype=np.uint8)
    number = 0
    for value, name in enumerate(names):
        table[value] = IGNORED if is_void(name) else number
        number += not is_void(name)
    void = [str(value) for value, name in enumerate(names) if is_void(name)]
    return Meaning(classes, table, f"; {' and '.join(void)} ignored")


def meaning(shown: NDArray[np.bool_], names: Sequence[str] | None, where: str) -> Meaning:
    """What the values that masks show mean; values beyond the named classes are found later.

    shown  (256,) which values there are
    names  of the classes, by number; None: numbers are their own names

    Black and white alone are two classes; all else is class numbers, of which 255 is ignored.
    Raises DataError where all that is shown is ignored.
    """
    values = np.flatnonzero(shown)
    if set(values.tolist()) == {BLACK, WHITE} and (names is None or _two(names)):
        table = np.full(VALUES, IGNORED, np.uint8)
        table[[BLACK, WHITE]] = 0, 1
        classes = tuple(names or TWO)
        note = f"masks are black and white: {classes[0]}, {classes[1]}"
        return Meaning(classes, table, note if names is None else f"; {note}")
    if names is not None:
        return named_values(names, where)
    numbers = values[values != IGNORED]
    if "camvid" in os.path.basename(os.path.abspath(where)).lower() and numbers.tolist() == [
        *range(len(CAMVID))
    ]:
        means = named_values(CAMVID, where)
        note = "masks show the 12 numbers of CamVid: its names are taken, and the last, void, is "
        note += "ignored; a file classes.txt beside their folder would say otherwise"
        return Meaning(means.classes, means.table, note)
    if not len(numbers):
        raise DataError(
            f"all pixels of all masks are {IGNORED}, which is ignored",
            where=where,
            remedy="Give classes the numbers 0, 1, 2, …",
        )
    count = int(numbers.max()) + 1
    note = (
        f"masks show the classes 0 to {count - 1}, which have no names; a file classes.txt beside "
        "their folder names them, a line each, and with - a number that is ignored"
    )
    return Meaning(tuple(str(number) for number in range(count)), None, note)

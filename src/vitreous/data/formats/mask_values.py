"""What the values of masks mean: which classes there are, and which value stands for which."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.maps import IGNORED, VALUES
from vitreous.errors import DataError

BLACK, WHITE = 0, 255
VOID = {"-", "void", "ignore", "ignored", "unlabeled", "unlabelled"}  # names of what is no class
NO_CLASS = 254  # the number of values that no mask shows: it is an error where one does
MOST = 200  # classes whose values leave numbers out
LISTED = 8  # values in a note
SHADES, BRIGHT = 8, 200  # values between black and white, one of them above: these are no classes
FEW = 0.1  # share of all pixels that such shades have at most
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

    Black and white alone are two classes; all else is class numbers, of which 255 is ignored. Where
    numbers are left out, as in 0, 50, 100, those that are shown are the classes, by these names.
    Raises DataError where all that is shown is ignored, or nearly all values are shown.
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
    count = len(numbers)
    if numbers[-1] + 1 == count:
        note = (
            f"masks show the classes 0 to {count - 1}, which have no names; a file classes.txt "
            "beside their folder names them, a line each, and with - a number that is ignored"
        )
        return Meaning(tuple(str(number) for number in range(count)), None, note)
    shown_as = ", ".join(map(str, numbers[:LISTED].tolist()))
    more = f" and {count - LISTED:,} more" if count > LISTED else ""
    if count > MOST:
        raise DataError(
            f"masks show {count} different values: shades, and no numbers of classes",
            where=where,
            remedy="Save masks as they were drawn, without smoothing and compression; black and "
            "white ones with 0 and 255 alone.",
        )
    table = np.full(VALUES, NO_CLASS, np.uint8)
    table[numbers] = np.arange(count)
    table[IGNORED] = IGNORED
    note = (
        f"masks show the values {shown_as}{more}, which are taken for {count} classes by these "
        "names; a file classes.txt beside their folder would name them, a line for each number "
        "from 0 on"
    )
    return Meaning(tuple(map(str, numbers.tolist())), table, note)


def check_shades(counts: NDArray[np.integer[Any]], where: str) -> None:
    """Raises DataError for masks in black and white with shades between, as a smoothed edge or a
    JPEG leaves them: each shade would be a class.

    counts  (256,) pixels of each value in all masks
    """
    between = counts[BLACK + 1 : WHITE]
    shades, pixels = int((between > 0).sum()), int(between.sum())
    if not (counts[BLACK] and counts[WHITE]) or shades < SHADES or not between[BRIGHT:].any():
        return
    if pixels < FEW * counts.sum():
        raise DataError(
            f"masks are black and white, but for {pixels:,} pixels of {shades} shades between",
            where=where,
            remedy="Save them as they were drawn, or make all below 128 black and the rest white.",
        )

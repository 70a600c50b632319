"""Remarks on images that can be read, but not without a loss: told to whoever listens.

Whatever reads an image, at any depth, calls `tell`; whoever asked for it listens for as long as
that takes. So a loss is heard through every entrance, and nothing is printed on the way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.formats import counted

SHADES = 16  # that are left at most where their number is a loss


class Remark(IntFlag):
    """What is to be said of an image.

    LOST     its values differ, but what is made of them is one single color
    SHADES   of its many shades 16 or fewer are left
    SKIPPED  its decoder passed over bytes, or warned of them
    COARSE   a progressive JPEG without its last scans
    PAGES    more pictures than the first one
    """

    LOST = 1
    SHADES = 2
    SKIPPED = 4
    COARSE = 8
    PAGES = 16


@dataclass(frozen=True)
class Words:
    """How a remark is said.

    one, many  the rest of a sentence that begins with a number of images
    remedy     what to do about it
    """

    one: str
    many: str
    remedy: str


WORDS = {
    Remark.LOST: Words(
        "becomes one single color, though its values differ",
        "become one single color, though their values differ",
        "Of 16 bits the upper 8 are kept, and alpha is laid over white: bring the values to the "
        "whole range, or save 8 bits a value.",
    ),
    Remark.SHADES: Words(
        f"keeps {SHADES} shades or fewer of the many that it had",
        f"keep {SHADES} shades or fewer of the many that they had",
        "Of 16 bits the upper 8 are kept: bring the values to the whole range first, or save 8 "
        "bits a value.",
    ),
    Remark.SKIPPED: Words(
        "made its decoder warn of bytes that it skipped or did not understand",
        "made their decoder warn of bytes that it skipped or did not understand",
        "Look at them: they may be damaged in part.",
    ),
    Remark.COARSE: Words(
        "lacks the last scans of its progressive JPEG",
        "lack the last scans of their progressive JPEG",
        "Fetch them again: they were cut off, and are coarser than they should be.",
    ),
    Remark.PAGES: Words(
        "holds more than one picture; the first is used",
        "hold more than one picture; the first is used",
        "Save each page or frame as a file of its own, if all are meant.",
    ),
}

_told: ContextVar[list[Remark] | None] = ContextVar("told", default=None)


def tell(remark: Remark) -> None:
    """Say this of the image that is being read, in this thread."""
    told = _told.get()
    if told is not None:
        told.append(remark)


@contextlib.contextmanager
def listening() -> Iterator[list[Remark]]:
    """A list that grows by what is told in the block."""
    told: list[Remark] = []
    token = _told.set(told)
    try:
        yield told
    finally:
        _told.reset(token)


def merged(told: Sequence[Remark]) -> int:
    """All of them in one number."""
    return int(np.bitwise_or.reduce(np.array(told, np.int64))) if told else 0


def sentences(
    flags: NDArray[np.integer[Any]], name: Callable[[int], str], noun: str = "image"
) -> list[str]:
    """One sentence for each remark, with its count and an example.

    flags  (N,) remarks on each image
    name   of the image with that index
    """
    said = []
    for remark, words in WORDS.items():
        found = np.flatnonzero(flags & remark)
        if len(found):
            rest = words.one if len(found) == 1 else words.many
            place = f"{counted(len(found), noun)} {rest}, such as {name(int(found[0]))}"
            said.append(f"{place}. {words.remedy}")
    return said

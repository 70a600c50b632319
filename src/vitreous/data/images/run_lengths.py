"""Run-length encoding (RLE) of masks, as COCO writes it: lists of counts, or short strings of them.

The counts are those of pixels outside, inside, outside, …, column after column. A string has six
bits in a character: five of a count, the lowest first, and one that says that more follow. From the
fourth on it is the difference to the count before the last, with a sign.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vitreous.data.images.frame import Size
from vitreous.errors import DataError

ZERO = 48  # the character of six bits that are 0
MORE, SIGN, BITS = 0x20, 0x10, 5
LONGEST = 7  # characters of a number that a mask can hold
DELTA = 3  # counts before those that are written as differences
REMEDY = "Write counts that sum to height times width."


def decoded_counts(text: str) -> list[int]:
    """The counts that a string stands for. Raises DataError for what is none."""
    counts: list[int] = []
    value = place = 0
    for letter in text:
        bits = ord(letter) - ZERO
        if not 0 <= bits < 64 or place == LONGEST:
            raise DataError(f"has '{letter}' in a run-length string", remedy="Write it anew.")
        value |= (bits & (MORE - 1)) << BITS * place
        place += 1
        if bits & MORE:
            continue
        if bits & SIGN:
            value |= -1 << BITS * place
        counts.append(value + counts[-2] if len(counts) >= DELTA else value)
        value = place = 0
    if place:
        raise DataError("has a run-length string that is cut short", remedy="Write it anew.")
    return counts


def encoded_counts(counts: Sequence[int]) -> str:
    """The string for these counts: the inverse of `decoded_counts`."""
    letters = []
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place >= DELTA else count
        more = True
        while more:
            bits = value & (MORE - 1)
            value >>= BITS
            more = value != (-1 if bits & SIGN else 0)
            letters.append(chr(ZERO + (bits | MORE if more else bits)))
    return "".join(letters)


def mask_of(counts: Sequence[int], size: Size) -> NDArray[np.bool_]:
    """The mask of these counts, (h, w) bool. Raises DataError where they do not fill it."""
    height, width = size
    runs = np.asarray(counts, np.int64)
    if (runs < 0).any() or runs.sum() != height * width:
        raise DataError(
            f"has runs of {int(runs.sum()):,} pixels for {width} × {height}", remedy=REMEDY
        )
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


def counts_of(mask: NDArray[np.bool_]) -> list[int]:
    """The counts of a mask (h, w): the inverse of `mask_of`, pixels outside first."""
    flat = np.asarray(mask, np.bool_).T.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [len(flat)]])).tolist()
    return [0, *runs] if len(flat) and flat[0] else runs

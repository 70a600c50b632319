"""Counter-based random numbers: each one is a hash of its key (seed, epoch, row, slot).

A uniform belongs to (seed, epoch, row, number), so an example is augmented in the same way by any
number of workers, in any batch, alone or after a resume. There is no state to save or to share.

Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators": SplitMix64.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ / golden ratio, odd: its multiples cover all keys
WORD = (1 << 64) - 1


class Stream(IntEnum):
    """What the numbers are for; numbers of different streams are independent."""

    AUGMENT = 0
    ORDER = 1
    DRAW = 2
    MIX = 3
    NOISE = 4
    ATTACK = 5
    PRETEXT = 6


def uniforms(
    seed: int, epoch: int, ids: NDArray[np.int64], count: int, stream: Stream = Stream.AUGMENT
) -> NDArray[np.float64]:
    """`count` numbers in [0, 1) for each id.

    ids     (B,) row numbers
    return  (B, count), multiples of 2⁻⁵³
    """
    starts = scramble(np.asarray(ids).astype(np.uint64) * GOLDEN + _key(seed, epoch, stream))
    steps = np.arange(1, count + 1, dtype=np.uint64) * GOLDEN
    words = scramble(starts[:, None] + steps)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The numbers 0 … count - 1 in the random order of this epoch."""
    keys = uniforms(seed, epoch, np.arange(count), 1, Stream.ORDER)[:, 0]
    return np.argsort(keys, kind="stable")


def scramble(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The bijection at the end of SplitMix64: each input bit changes half of the output bits."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _key(seed: int, epoch: int, stream: int) -> NDArray[np.uint64]:
    key = np.zeros(1, np.uint64)  # an array, because numpy warns when a scalar wraps around
    for part in (seed, epoch, stream):
        key = scramble((key ^ np.uint64(part & WORD)) + GOLDEN)
    return key

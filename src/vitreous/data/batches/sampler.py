"""Class-balanced sampler: draws rare classes more often. See `losses.class_weights` for weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.counter_random import Stream, uniforms
from vitreous.data.columns import Column


def draw(targets: NDArray[np.integer[Any]], seed: int, epoch: int) -> NDArray[np.int64]:
    """As many examples as there are, each of any class with equal chance, with replacement.

    targets  (N,) class numbers
    return   (N,) positions in `targets`
    """
    by_class = np.argsort(targets, kind="stable")
    _, starts, counts = np.unique(targets[by_class], return_index=True, return_counts=True)
    chosen, member = uniforms(seed, epoch, np.arange(len(targets)), 2, Stream.DRAW).T
    classes = (chosen * len(starts)).astype(np.int64)
    drawn: NDArray[np.int64] = by_class[starts[classes] + (member * counts[classes]).astype(int)]
    return drawn


def drawn_by(targets: Mapping[str, Column]) -> NDArray[np.int64] | None:
    """(N,) the classes by which examples can be drawn; None where none has exactly one."""
    each = (column.exclusive for column in targets.values())
    return next((numbers for numbers in each if numbers is not None), None)

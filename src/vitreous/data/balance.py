"""Unequal classes: weigh rare ones more in the loss, or draw them more often."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.chance import Stream, uniforms


def class_weights(targets: NDArray[np.integer[Any]], num_classes: int) -> NDArray[np.float32]:
    """Weights under which all classes that occur count alike; their mean over examples is 1.

    targets  (N,) class numbers
    return   (L,), zero for a class without examples
    """
    counts = np.bincount(targets, minlength=num_classes)
    share = len(targets) / max(1, int(np.count_nonzero(counts)))
    weights = np.divide(share, counts, out=np.zeros(len(counts)), where=counts > 0)
    return weights.astype(np.float32)


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

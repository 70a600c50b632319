"""Label-preserving augmentation? Which changes of an image turn one class into another (6 and 9).

Models that have seen no changed image are asked about changed ones. Where a change makes of one
class another and of that one the first, as a turn does with 6 and 9, and a mirror with arrows to
the left and to the right, its labels are wrong afterwards. Where it only makes images unlike all
that was seen, they are taken for this and for that: that is no reason against an augmentation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitreous.doctor.deep.out_of_fold import OutOfFold
from vitreous.doctor.deep.witness import Ids

LEAST = 12  # images of a class that were recognized before the change
BOTH = 0.4  # share of either class that has to become the other
KEPT = 0.5  # of those recognized: fewer keep their class, and images are hardly recognized


@dataclass(frozen=True)
class Exchange:
    """A change that makes two classes of each other.

    change       in words, such as "turned by half"
    one, other   class numbers
    there, back  share of the one that becomes the other, and of the other that becomes the one
    """

    change: str
    one: int
    other: int
    there: float
    back: float


@dataclass(frozen=True)
class Keeping:
    """How many of the recognized images of a sample are recognized when they are changed."""

    change: str
    share: float
    count: int


def exchanges(found: OutOfFold) -> tuple[list[Exchange], list[Keeping]]:
    """Pairs of classes that a change makes of each other, and how many images keep their class."""
    labels = found.labels[found.asked]
    right = found.answers[found.asked] == labels
    pairs, kept = [], []
    for change, answers in found.changed.items():
        before, after = labels[right], answers[right]
        if not len(before):
            continue
        kept.append(Keeping(change, float((before == after).mean()), len(before)))
        pairs += _mutual(change, before, after, found.probabilities.shape[1])
    return pairs, kept


def _mutual(change: str, before: Ids, after: Ids, classes: int) -> list[Exchange]:
    table = np.bincount(before * classes + after, minlength=classes**2).reshape(classes, classes)
    counts = table.sum(axis=1)
    known = counts >= LEAST
    shares = table / np.maximum(counts, 1)[:, None]
    shares[~known] = 0
    both = np.minimum(shares, shares.T)
    found = []
    for one, other in zip(*np.nonzero(np.triu(both, 1) >= BOTH), strict=True):
        there, back = float(shares[one, other]), float(shares[other, one])
        found.append(Exchange(change, int(one), int(other), there, back))
    return sorted(found, key=lambda pair: -min(pair.there, pair.back))

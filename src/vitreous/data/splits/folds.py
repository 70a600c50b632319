"""Cross-validation: every example is held out once, or drawn again and again.

Folds are as honest as splits: stratified by class, copies of an image and images of a group
together, decided by content. With as many folds as examples it is leave-one-out; the bootstrap
draws with replacement and holds out what was not drawn, 1/e of all on average.
Stone (1974), "Cross-validatory choice"; Efron (1979), "Bootstrap methods".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vitreous.data.columns import classed
from vitreous.data.dataset import Dataset
from vitreous.data.splits.content_hashes import digests
from vitreous.data.splits.units import places_of, units_of
from vitreous.errors import UsageError

Indices = NDArray[np.int64]


def folds(dataset: Dataset, count: int, *, seed: int = 0) -> list[tuple[Indices, Indices]]:
    """(training, held out) rows of each fold; the held-out rows are disjoint and cover all.

    count  number of folds, from 2 to the number of different images (or groups): leave-one-out

    Images that cannot be read are in no fold. Raises UsageError for another count.
    """
    contents, unreadable = digests(dataset)
    readable = np.ones(len(dataset), bool)
    readable[[image.index for image in unreadable]] = False
    rows = np.flatnonzero(readable)
    groups = None if dataset.groups is None else dataset.groups[rows]
    units, keys = units_of(contents[rows], groups)
    if not 2 <= count <= len(keys):
        raise UsageError(
            f"{count} folds of {len(keys)} different images",
            where="folds",
            remedy=f"Choose from 2 to {len(keys)}.",
        )
    shown = np.zeros(len(keys), np.int64)
    # The class of a unit is that of its first example, and of several classes the first.
    shown[units[::-1]] = _first_classes(dataset)[rows[::-1]]
    # Dealt like cards, class after class: each fold gets a class' units in turn.
    order = np.lexsort((places_of(keys, seed), shown))
    fold_of_unit = np.empty(len(keys), np.int64)
    fold_of_unit[order] = np.arange(len(keys)) % count
    fold = fold_of_unit[units]
    return [(rows[fold != number], rows[fold == number]) for number in range(count)]


def _first_classes(dataset: Dataset) -> Indices:
    """(N,) the first class of each example; 0 for those without one."""
    first = np.zeros(len(dataset), np.int64)
    column = classed(dataset.targets)
    if column is not None:
        rows, labels = column.strata()
        first[rows[::-1]] = labels[::-1]  # of several, what is written last stays
    return first


def bootstrap(count: int, times: int, *, seed: int = 0) -> Iterator[tuple[Indices, Indices]]:
    """`times` pairs (drawn with replacement, never drawn) of `count` row numbers."""
    generator = np.random.default_rng(seed)
    for _ in range(times):
        drawn = generator.integers(0, count, count)
        yield drawn, np.setdiff1d(np.arange(count), drawn)

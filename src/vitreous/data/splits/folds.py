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


def folds(
    dataset: Dataset, count: int | None, *, seed: int = 0, rows: Indices | None = None
) -> list[tuple[Indices, Indices]]:
    """(training, held out) rows of each fold; the held-out rows are disjoint and cover all.

    count  number of folds, from 2 to the number of different images (or groups), which is
           leave-one-out; None is that number
    rows   that are divided; None is all of them

    Images that cannot be read are in no fold. Raises UsageError for another count, and for one
    that leaves a fold without an image of some class.
    """
    rows, units, keys = _units(dataset, rows)
    count = len(keys) if count is None else count
    if not 2 <= count <= len(keys):
        raise UsageError(
            f"{count} folds of {len(keys)} different images",
            where="folds",
            remedy=f"Choose from 2 to {len(keys)}.",
        )
    shown = np.zeros(len(keys), np.int64)
    # The class of a unit is that of its first example, and of several classes the first.
    shown[units[::-1]] = _first_classes(dataset)[rows[::-1]]
    _check_classes(dataset, shown, count)
    # Dealt like cards, class after class: each fold gets a class' units in turn.
    order = np.lexsort((places_of(keys, seed), shown))
    fold_of_unit = np.empty(len(keys), np.int64)
    fold_of_unit[order] = np.arange(len(keys)) % count
    fold = fold_of_unit[units]
    return [(rows[fold != number], rows[fold == number]) for number in range(count)]


def resampled(
    dataset: Dataset, times: int, *, seed: int = 0, rows: Indices | None = None
) -> list[tuple[Indices, Indices, Indices]]:
    """(drawn, how often, never drawn) of each sample with replacement: as many images (or groups)
    are drawn as there are, so some come several times, and 1/e of them on average not at all.

    Renaming and reordering images moves none of them. Arguments as in `folds`.
    """
    rows, units, keys = _units(dataset, rows)
    ordered = np.argsort(places_of(keys, seed), kind="stable")
    found = []
    for drawn, _ in bootstrap(len(keys), times, seed=seed):
        often = np.zeros(len(keys), np.int64)
        np.add.at(often, ordered[drawn], 1)
        counts = often[units]
        there = counts > 0
        found.append((rows[there], counts[there], rows[~there]))
    return found


def _units(
    dataset: Dataset, rows: Indices | None
) -> tuple[Indices, NDArray[np.int64], list[bytes]]:
    """(rows that can be read, the unit of each, a key for each unit)."""
    contents, unreadable = digests(dataset)
    readable = np.ones(len(dataset), bool)
    readable[[image.index for image in unreadable]] = False
    if rows is not None:
        readable &= np.isin(np.arange(len(dataset)), rows)
    rows = np.flatnonzero(readable)
    groups = None if dataset.groups is None else dataset.groups[rows]
    units, keys = units_of(contents[rows], groups)
    return rows, units, keys


def _check_classes(dataset: Dataset, shown: Indices, count: int) -> None:
    """Raises UsageError where a fold would have no image of a class; to leave out one image after
    the other that is not asked.
    """
    column = classed(dataset.targets)
    if column is None or count == len(shown):
        return
    numbers, there = np.unique(shown, return_counts=True)
    least = int(there.argmin())
    if there[least] >= count:
        return
    what = "groups" if dataset.groups is not None else "different images"
    raise UsageError(
        f"{count} folds, and the class '{column.classes[numbers[least]]}' has "
        f"{there[least]} {what}: not one for each fold",
        where="folds",
        remedy=f"Choose at most {there[least]} folds, leave one out (all), or add images."
        if there[least] >= 2
        else "Add images of this class, or leave one out (all).",
    )


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

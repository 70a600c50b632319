"""Bias of a data set: what tells the class beside the content, and parts that are unlike.

A class that alone was saved as JPEG, or alone is 640 pixels wide, is recognized by that, and scores
on such data promise more than is so. A test part of other class shares than the training part
measures another question.
Torralba, Efros (2011), "Unbiased look at dataset bias".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vitreous.data.check.data_findings import Finding
from vitreous.data.check.view import LATER, View
from vitreous.data.columns import classed
from vitreous.data.dataset import Part
from vitreous.formats import percent

GAIN = 0.2  # share of images by which a guess from the file beats the most frequent class
ALIKE = 8  # images of one kind and size: fewer say nothing of their class
SHIFT = 0.2  # share of a part that would have to change its class to be like the training part
BEYOND = 3.0  # times the shift that chance alone brings about


def findings_of_bias(view: View) -> Iterator[Finding]:
    """What the kind and the size of a file tell of the class."""
    column, good = classed(view.dataset.targets), view.seen.good
    labels = None if column is None else column.exclusive
    if labels is None or not good.any():
        return
    labels, seen = labels[good], view.seen
    for name, keys in (
        ("kind of file", seen.kinds[good][:, None]),
        ("size", seen.sizes[good]),
    ):
        _, kinds, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
        kinds = kinds.ravel()
        common = counts[kinds] >= ALIKE
        if len(counts) < 2 or common.mean() < 0.5:
            continue
        guess = _right(kinds[common], labels[common])
        always = int(np.bincount(labels[common]).max())
        total = int(common.sum())
        if guess - always >= GAIN * total:
            yield Finding(
                "warning",
                "bias",
                f"the {name} alone tells the class of {percent(guess / total, 0)} of the images, "
                f"of which the most frequent class has {percent(always / total, 0)}",
                (),
                "Save all images in one way: a network may learn this instead of what they show.",
            )


def findings_of_shift(view: View) -> Iterator[Finding]:
    """Prescribed parts whose classes are distributed unlike those of the training part."""
    learned = view.counts(view.seen.good & (view.parts == Part.TRAIN))
    for part in LATER:
        if part not in view.dataset.parts or not learned.sum():
            continue
        asked = view.counts(view.seen.good & (view.parts == part))
        if not asked.sum():
            continue
        shift, chance = _shift(learned, asked)
        if shift < max(SHIFT, BEYOND * chance):
            continue
        change = asked / asked.sum() - learned / learned.sum()
        most = np.argsort(-np.abs(change), kind="stable")[:3]
        word = part.name.lower()
        yield Finding(
            "warning",
            "shift",
            f"{percent(shift, 0)} of the {word} part would have to change its class to be "
            "distributed as the training part is",
            tuple(
                f"{view.dataset.classes[label]}: {percent(learned[label] / learned.sum(), 0)} of "
                f"train, {percent(asked[label] / asked.sum(), 0)} of {word}"
                for label in most
            ),
            "Look at balanced accuracy, or let `vitreous split` choose the parts.",
        )


def _right(kinds: NDArray[np.int64], labels: NDArray[np.int64]) -> int:
    """How many labels are right if each kind is guessed to be its most frequent one."""
    table = np.zeros((int(kinds.max()) + 1, int(labels.max()) + 1), np.int64)
    np.add.at(table, (kinds, labels), 1)
    return int(table.max(axis=1).sum())


def _shift(one: NDArray[np.int64], other: NDArray[np.int64]) -> tuple[float, float]:
    """Total variation distance of two distributions, and about what chance makes of equal ones.

    A count of n p ± sqrt(n p (1-p)) errs by sqrt(2/π) of that on average; half of the sum counts.
    """
    p, q = one / one.sum(), other / other.sum()
    both = (one + other) / (one.sum() + other.sum())
    spread = np.sqrt(both * (1 - both) * (1 / one.sum() + 1 / other.sum()))
    return float(np.abs(p - q).sum() / 2), float(np.sqrt(2 / np.pi) * spread.sum() / 2)

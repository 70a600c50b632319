"""Labels of any form, words, numbers, marks or masks, as columns of targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.class_names import clean, doubts, numerous
from vitreous.data.columns import ClassNumbers, Column, Marks, Numbers
from vitreous.data.doubt import Doubt
from vitreous.data.formats.mask_values import meaning
from vitreous.data.maps import IGNORED, VALUES, Maps
from vitreous.errors import DataError

Found = tuple[dict[str, Column], tuple[str, ...]]
ONE_HOT = "each row has exactly one 1: one label an image, unless --task label is asked for"
QUANTITIES = (
    "If they are quantities, train with --task regress; or give them as floats, and in a CSV file "
    "call the column by its name, such as age, instead of label."
)


def encode(labels: Sequence[NDArray[Any]], names: Sequence[Any] | None, where: str) -> Found:
    """Labels of all parts, one after the other, as columns; and notes on what they were taken for.

    labels  words (N,), whole numbers (N,) or (N, 1), rows of 0 and 1 (N, L), real numbers (N,) or
            (N, K), or masks (N, H, W) of whole numbers
    names   class names in order; None: words are sorted, numbers are their own names

    Raises DataError if they do not fit.
    """
    columns = [each[:, 0] if each.shape[1:] == (1,) else each for each in labels]
    if any(not each.ndim for each in columns) or len({each.shape[1:] for each in columns}) > 1:
        raise DataError(
            f"labels have the shape {' and '.join(str(each.shape) for each in labels)}",
            where=where,
            remedy="Use one label or one row of 0 and 1 for each image, alike in all parts.",
        )
    values = np.concatenate(columns)
    classes = None if names is None else tuple(map(clean, names))
    said = () if names is None or classes is None else tuple(doubts(classes, map(str, names)))
    targets, notes = _encoded(values, classes, where)
    return targets, (*said, *notes)


def from_words(
    words: Sequence[str], classes: Sequence[str] | None = None, where: str = ""
) -> Found:
    """A word for each image, which names its class.

    classes  names in order, cleaned; None: the words are sorted
    """
    spelled = {word: clean(word) for word in set(words)}
    there = sorted(set(spelled.values()))
    notes = () if classes else tuple(doubts(there, spelled))
    _check(classes is None or set(there) <= set(classes), len(there), classes or there, where)
    notes += tuple(numerous(there, len(words), QUANTITIES))
    place = {name: number for number, name in enumerate(classes or there)}
    numbers = np.array([place[spelled[word]] for word in words])
    return {"class": ClassNumbers(numbers, classes or there)}, notes


def from_marks(marks: NDArray[Any], classes: Sequence[str], *, ordered: bool = True) -> Found:
    """Rows of 0 and 1, a column for each class. Rows with exactly one 1 are one label an image.

    ordered  do names keep their order then, and those without any 1? Otherwise they are sorted
    """
    names = tuple(classes)
    if len(marks) < 2 or len(names) < 2 or not (marks.sum(axis=1) == 1).all():
        return {"class": Marks(marks, names)}, tuple(doubts(names))
    notes = [ONE_HOT]
    numbers = marks.argmax(axis=1)
    if not ordered:
        empty = [name for name, count in zip(names, marks.sum(axis=0), strict=True) if not count]
        if empty:
            words = f"no image has the label {', '.join(empty)}: the model will not know it"
            remedy = "Add images of it, or leave its column out."
            notes.append(Doubt(words, kind="class names", remedy=remedy))
        return _with_notes(from_words([names[number] for number in numbers]), notes)
    return {"class": ClassNumbers(numbers, names)}, (*notes, *doubts(names))


def _with_notes(found: Found, notes: Sequence[str]) -> Found:
    return found[0], (*notes, *found[1])


def _encoded(values: NDArray[Any], classes: tuple[str, ...] | None, where: str) -> Found:
    kind = values.dtype.kind
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim == 3 and kind in "iub":
        return _masks(values, classes, where)
    if values.ndim == 2 and set(np.unique(values).tolist()) <= {0, 1}:
        classes = classes or tuple(str(number) for number in range(values.shape[1]))
        _check(len(classes) == values.shape[1], values.shape[1], classes, where)
        return from_marks(values, classes)
    if values.ndim in (1, 2) and kind == "f":
        return _numbers(values, classes, where)
    if values.ndim != 1 or kind not in "iubUSO":
        raise DataError(
            f"labels have the shape {values.shape} and the type {values.dtype}",
            where=where,
            remedy="Use whole numbers, names, rows of 0 and 1, real numbers, or masks.",
        )
    if kind in "USO":
        return from_words([*map(_word, values)], classes, where)
    low, high = int(values.min()), int(values.max())
    notes: tuple[str, ...] = ()
    if classes is None and low >= 0 and high < 10 * len(values):
        classes, notes = numbered(values)
        values = values.astype(np.int64) - int(classes[0])
        low, high = low - int(classes[0]), high - int(classes[0])
    elif classes is None:
        raise DataError(
            f"labels run from {low} to {high}",
            where=where,
            remedy="Number the classes 0, 1, 2, …; or give floats, if they are quantities.",
        )
    _check(low >= 0 and high < len(classes), high + 1, classes, where)
    shown = [str(number) for number in np.unique(values).tolist()]
    notes += tuple(numerous(shown, len(values), QUANTITIES))
    return {"class": ClassNumbers(values, classes)}, notes


def numbered(values: NDArray[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of classes that are numbers from 0 on: the numbers; and notes on them. Where none
    is 0, as in MATLAB's files and EMNIST's letters, the first class is the lowest number.

    values  (N,) whole numbers, none below 0
    """
    low, high = int(values.min()), int(values.max())
    notes = (f"labels run from {low} to {high}, and classes are called so",) if low else ()
    return tuple(str(number) for number in range(low, high + 1)), notes


def _word(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _numbers(values: NDArray[Any], classes: tuple[str, ...] | None, where: str) -> Found:
    if classes is not None:
        raise DataError(
            f"labels are real numbers, and {len(classes)} classes are named",
            where=where,
            remedy="Use whole numbers for classes, or leave the names out.",
        )
    count = 1 if values.ndim == 1 else values.shape[1]
    names = ["value"] if count == 1 else [f"value {number}" for number in range(count)]
    try:
        column = Numbers(values, names)
    except DataError as error:
        error.where = where
        raise
    return {"value": column}, ("labels are real numbers: regression",)


def _masks(values: NDArray[Any], classes: tuple[str, ...] | None, where: str) -> Found:
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high >= VALUES:
        raise DataError(
            f"masks hold numbers from {low} to {high}",
            where=where,
            remedy="Number the classes 0, 1, 2, …; 255 is ignored.",
        )
    masks = values.astype(np.uint8)
    shown = np.bincount(masks.ravel(), minlength=VALUES) > 0
    means = meaning(shown, classes, where)
    if means.table is None:
        needed = 1 + int(np.flatnonzero(shown[:IGNORED]).max(initial=-1))
        _check(needed <= len(means.classes), needed, means.classes, where)
    masks = masks if means.table is None else means.table[masks]
    return {"mask": Maps(masks, means.classes)}, (means.note,) if means.note else ()


def _check(fits: bool, needed: int, classes: Sequence[str], where: str) -> None:
    if not fits:
        raise DataError(
            f"labels need {needed} classes, and {len(classes)} are named",
            where=where,
            remedy="Give one name for each class.",
        )

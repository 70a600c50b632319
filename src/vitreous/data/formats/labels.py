"""Labels of any form, words, numbers or marks, as targets and class names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import DataError


def encode(
    labels: Sequence[NDArray[Any]], names: Sequence[Any] | None, where: str
) -> tuple[NDArray[np.int64] | NDArray[np.uint8], tuple[str, ...]]:
    """Labels of all parts, one after the other, as targets and class names.

    labels  words (N,), whole numbers (N,) or (N, 1), or rows of 0 and 1 (N, L)
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
    classes = None if names is None else tuple(str(name) for name in names)
    if values.ndim == 2 and set(np.unique(values).tolist()) <= {0, 1}:
        classes = classes or tuple(str(number) for number in range(values.shape[1]))
        _check(len(classes) == values.shape[1], values.shape[1], classes, where)
        return values.astype(np.uint8), classes
    if values.ndim != 1 or values.dtype.kind not in "iubUSO":
        raise DataError(
            f"labels have the shape {values.shape} and the type {values.dtype}",
            where=where,
            remedy="Use whole numbers, names, or rows of 0 and 1.",
        )
    if values.dtype.kind in "USO":
        words = [value.decode() if isinstance(value, bytes) else str(value) for value in values]
        classes = classes or tuple(sorted(set(words)))
        numbers = {name: number for number, name in enumerate(classes)}
        _check(set(words) <= set(classes), len(set(words)), classes, where)
        return np.array([numbers[word] for word in words], np.int64), classes
    low, high = int(values.min()), int(values.max())
    if classes is None and low >= 0 and high < 10 * len(values):
        classes = tuple(str(number) for number in range(high + 1))
    elif classes is None:
        raise DataError(
            f"labels run from {low} to {high}",
            where=where,
            remedy="Number the classes 0, 1, 2, …",
        )
    _check(low >= 0 and high < len(classes), high + 1, classes, where)
    return values.astype(np.int64), classes


def _check(fits: bool, needed: int, classes: Sequence[str], where: str) -> None:
    if not fits:
        raise DataError(
            f"labels need {needed} classes, and {len(classes)} are named",
            where=where,
            remedy="Give one name for each class.",
        )

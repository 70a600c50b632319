"""The confusion matrix: which class is taken for which, and what is read off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitreous.metrics.interval import Interval, wilson


@dataclass(frozen=True)
class ClassScores:
    """How well one class is recognized. None stands for what is undefined.

    support            number of examples of the class
    precision          share of the answers "this class" that were right; None if never answered
    recall             share of the class's examples that were found; None if there are none
    f1                 harmonic mean of both; None if there are no examples
    interval           95 % interval of the recall
    average_precision  area under precision over recall (several labels an image only)
    threshold          probability from which the label is given (several labels only)
    """

    name: str
    support: int
    precision: float | None
    recall: float | None
    f1: float | None
    interval: Interval | None = None
    average_precision: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Confusion:
    """One way to err: `count` examples of `truth` were called `predicted`.

    share  of all examples of `truth`
    """

    truth: str
    predicted: str
    count: int
    share: float


def confusion_matrix(
    targets: NDArray[np.int64],
    predicted: NDArray[np.int64],
    num_classes: int,
) -> NDArray[np.int64]:
    """(L, L): examples of the row's class that were given the column's class.

    targets, predicted  (N,) class numbers
    """
    cells = targets * num_classes + predicted
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def per_class(
    classes: Sequence[str],
    hits: NDArray[np.integer],
    support: NDArray[np.integer],
    answers: NDArray[np.integer],
) -> tuple[ClassScores, ...]:
    """Precision, recall and F1 of each class.

    A class without examples has no scores: neither 0 nor NaN, so it can enter no mean.

    hits, support, answers  (L,) how often it was found, was there, was answered; the diagonal, the
                            row sums and the column sums of a confusion matrix
    """
    return tuple(
        _class_scores(name, *(column[k].item() for column in (hits, support, answers)))
        for k, name in enumerate(classes)
    )


def _class_scores(name: str, hits: int, support: int, answers: int) -> ClassScores:
    if support <= 0:
        return ClassScores(name, support, None, None, None)
    recall = hits / support
    return ClassScores(
        name,
        support,
        precision=hits / answers if answers > 0 else None,
        recall=recall,
        f1=2 * hits / (support + answers),
        interval=wilson(hits, support),
    )


def top_confusions(
    matrix: NDArray[np.int64], classes: Sequence[str], count: int = 10
) -> tuple[Confusion, ...]:
    """The most frequent errors, most frequent first; fewer than `count` if there are fewer."""
    errors = np.array(matrix, np.float64)
    np.fill_diagonal(errors, 0)
    support = np.asarray(matrix, np.float64).sum(axis=1)
    order = np.argsort(-errors, axis=None, kind="stable")[:count]
    rows, columns = np.unravel_index(order, errors.shape)
    return tuple(
        Confusion(classes[i], classes[j], matrix[i, j].item(), float(errors[i, j] / support[i]))
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        if errors[i, j] > 0
    )

"""The confusion matrix: which class is taken for which, and what is read off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

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


@dataclass(frozen=True, eq=False)
class ConfusionCounts:
    """A confusion matrix as its cells that are not empty: nearly all are, where classes are many.

    size             L, the number of classes
    truth, answered  (K,) row and column of each cell, in the order of rows
    counts           (K,) examples of the row's class that were given the column's class
    """

    size: int
    truth: NDArray[np.int64]
    answered: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(
        cls, targets: NDArray[np.integer], predicted: NDArray[np.integer], num_classes: int
    ) -> Self:
        """targets, predicted  (N,) class numbers"""
        places = targets.astype(np.int64) * num_classes + predicted.astype(np.int64)
        cells, counts = np.unique(places, return_counts=True)
        return cls(num_classes, *np.divmod(cells, num_classes), counts)

    @classmethod
    def of_matrix(cls, matrix: NDArray[np.integer]) -> Self:
        """matrix  (L, L) truth by prediction"""
        truth, answered = np.nonzero(matrix)
        return cls(len(matrix), truth, answered, matrix[truth, answered].astype(np.int64))

    @property
    def matrix(self) -> NDArray[np.int64]:
        """(L, L), empty cells and all."""
        whole = np.zeros((self.size, self.size), np.int64)
        whole[self.truth, self.answered] = self.counts
        return whole

    @property
    def hits(self) -> NDArray[np.int64]:
        """(L,) how many of each class were given it: the diagonal."""
        return self._summed(self.truth, self.truth == self.answered)

    @property
    def support(self) -> NDArray[np.int64]:
        """(L,) examples of each class."""
        return self._summed(self.truth)

    @property
    def answers(self) -> NDArray[np.int64]:
        """(L,) how often each class was given."""
        return self._summed(self.answered)

    def _summed(
        self, places: NDArray[np.int64], of: NDArray[np.bool_] | bool = True
    ) -> NDArray[np.int64]:
        sums = np.zeros(self.size, np.int64)
        np.add.at(sums, places, np.where(of, self.counts, 0))
        return sums

    def top(self, classes: Sequence[str], count: int = 10) -> tuple[Confusion, ...]:
        """The most frequent errors, most frequent first; fewer than `count` if there are fewer."""
        errors, support = np.flatnonzero(self.truth != self.answered), self.support
        first = errors[np.argsort(-self.counts[errors], kind="stable")[:count]]
        cells = (each[first].tolist() for each in (self.truth, self.answered, self.counts))
        return tuple(
            Confusion(classes[i], classes[j], number, float(number / support[i]))
            for i, j, number in zip(*cells, strict=True)
        )


def confusion_matrix(
    targets: NDArray[np.int64],
    predicted: NDArray[np.int64],
    num_classes: int,
) -> NDArray[np.int64]:
    """(L, L): examples of the row's class that were given the column's class.

    targets, predicted  (N,) class numbers
    """
    return ConfusionCounts.of(targets, predicted, num_classes).matrix


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
    return ConfusionCounts.of_matrix(np.asarray(matrix)).top(classes, count)

"""The confusion matrix sums up, and its largest errors come first."""

from __future__ import annotations

import numpy as np

from vitreous.metrics.confusion import ConfusionCounts, confusion_matrix, top_confusions


def test_rows_are_truth_and_everything_is_counted_once() -> None:
    truth, answers = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 0])
    matrix = confusion_matrix(truth, answers, 3)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 0], [2, 0, 0]])
    assert matrix.dtype == np.int64


def test_top_confusions_are_errors_in_order() -> None:
    matrix = np.array([[50, 1, 0], [4, 6, 0], [0, 2, 0]])
    listed = top_confusions(matrix, ["a", "b", "c"])
    assert [(c.truth, c.predicted, c.count) for c in listed] == [
        ("b", "a", 4),
        ("c", "b", 2),
        ("a", "b", 1),
    ]
    assert listed[0].share == 0.4
    assert top_confusions(np.diag([3, 4]), ["a", "b"]) == ()


def test_cells_and_matrix_are_the_same_counts() -> None:
    random = np.random.default_rng(0)
    truth, answers = random.integers(0, 7, (2, 40))
    matrix = np.zeros((7, 7), np.int64)
    for one, other in zip(truth, answers, strict=True):
        matrix[one, other] += 1
    for cells in (ConfusionCounts.of(truth, answers, 7), ConfusionCounts.of_matrix(matrix)):
        np.testing.assert_array_equal(cells.matrix, matrix)
        np.testing.assert_array_equal(cells.hits, np.diag(matrix))
        np.testing.assert_array_equal(cells.support, matrix.sum(axis=1))
        np.testing.assert_array_equal(cells.answers, matrix.sum(axis=0))


def test_many_classes_take_the_room_of_their_examples() -> None:
    truth = np.arange(50_000)
    cells = ConfusionCounts.of(truth, np.roll(truth, 1), 50_000)
    assert len(cells.counts) == 50_000  # and not 2.5 billion
    assert cells.hits.sum() == 0
    assert cells.support.tolist() == cells.answers.tolist() == [1] * 50_000

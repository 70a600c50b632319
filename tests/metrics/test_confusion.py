"""The confusion matrix sums up, and its largest errors come first."""

from __future__ import annotations

import numpy as np

from vitreous.metrics.confusion import confusion_matrix, top_confusions


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

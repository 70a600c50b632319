"""The examples worth looking at come in the right order."""

from __future__ import annotations

import numpy as np

from vitreous.metrics.mistakes import worst, worst_labels

TABLE = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.55, 0.45], [0.3, 0.7]])
TRUTH = np.array([1, 1, 0, 0, 1])


def test_the_worst_mistakes_are_the_surest() -> None:
    cases = worst(TABLE, TRUTH)
    assert [case.index for case in cases] == [0, 2]
    assert (cases[0].truth, cases[0].predicted) == (1, 0)
    assert (cases[0].probability, cases[0].true_probability) == (0.9, 0.1)
    assert [case.index for case in worst(TABLE, TRUTH, 1)] == [0]


def test_a_perfect_model_has_no_mistakes() -> None:
    assert worst(np.eye(3), np.arange(3)) == ()


def test_labels_are_judged_by_their_distance_from_the_threshold() -> None:
    table = np.array([[0.9, 0.1], [0.05, 0.6]])
    truth = np.array([[0, 0], [1, 0]])
    cases = worst_labels(table, truth, np.array([0.5, 0.5]))
    assert [(c.index, c.label, c.given) for c in cases] == [
        (1, 0, False),
        (0, 0, True),
        (1, 1, True),
    ]

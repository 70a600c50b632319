"""Scores of rankings: worked by hand, and against scikit-learn where both define the same."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from vitreous.metrics.retrieval import average_precision_at, recall_at, relevance, retrieval


def test_a_list_worked_by_hand() -> None:
    relevant = np.array([[1, 0, 1, 1, 0]], bool)
    (precision,) = average_precision_at(relevant, np.array([4]))
    assert precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 4)
    assert recall_at(relevant, np.array([4])) == pytest.approx(3 / 4)


def test_perfect_and_hopeless_lists() -> None:
    relevant = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0]], bool)
    found = average_precision_at(relevant, np.array([100, 5, 1]))
    assert found.tolist() == [1, 0, 1]


def test_whole_rankings_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        truth = random.random(50) < 0.3
        scores = random.permutation(50) / 50
        ranked = truth[np.argsort(-scores)][None]
        ours = average_precision_at(ranked, np.array([truth.sum()]))
        assert ours[0] == pytest.approx(average_precision_score(truth, scores), abs=1e-12)


def test_relevance_of_classes_and_of_labels() -> None:
    assert relevance(np.array([1, 2]), np.array([[1, 2], [2, 2]])).tolist() == [
        [True, False],
        [True, True],
    ]
    queries = np.array([[1, 1, 0]])
    found = np.array([[[0, 1, 1], [0, 0, 1]]])
    assert relevance(queries, found).tolist() == [[True, False]]


def test_queries_with_nothing_to_find_do_not_count() -> None:
    relevant = np.array([[1, 1], [0, 0], [1, 0]], bool)
    scores = retrieval(relevant, np.array([4, 0, 2]))
    assert scores is not None
    assert scores.queries == 2
    assert scores.map == pytest.approx((1 + 0.5) / 2)
    assert scores.precision == pytest.approx(3 / 4)
    assert scores.recall == pytest.approx((2 / 4 + 1 / 2) / 2)
    assert scores.first == 1
    assert scores.interval[0] <= scores.map <= scores.interval[1]
    assert scores.first_interval[1] == 1
    assert retrieval(relevant, np.array([0, 0, 0])) is None
    assert retrieval(np.zeros((0, 3), bool), np.zeros(0, np.int64)) is None

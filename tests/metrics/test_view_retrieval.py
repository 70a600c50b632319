"""Views that are found, neighbors of one class, and answers that have collapsed."""

import json

import numpy as np
import pytest

from vitreous.metrics.interval import wilson
from vitreous.metrics.view_retrieval import (
    AMONG,
    ViewScores,
    groups,
    neighbors_agree,
    spread,
    unit,
    view_ranks,
    view_scores,
)


def test_places_are_counted() -> None:
    one = np.eye(4, dtype=np.float32)
    assert view_ranks(one, one).tolist() == [1, 1, 1, 1]
    turned = one[[1, 0, 2, 3]]
    assert view_ranks(one, turned).tolist() == [4, 4, 1, 1]  # of equals it is the last


def test_the_same_answer_to_everything_finds_nothing() -> None:
    same = np.tile(np.array([3.0, 4.0], np.float32), (9, 1))
    scores = view_scores(same, same)
    assert (scores.found, scores.among, scores.neighbor) == (0.0, 9, None)
    assert scores.spread == pytest.approx(0, abs=1e-6)
    assert scores.found_interval == wilson(0, 9)


def test_spread_of_directions_that_cancel_is_one() -> None:
    both = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], np.float32)
    assert spread(both) == 1.0
    assert spread(np.eye(8, dtype=np.float32)) == pytest.approx(1 - 1 / 8)


def test_neighbors_of_the_same_class() -> None:
    """Planted: two pairs that lie close together, one of them of two classes."""
    angles = np.array([0.0, 0.1, 2.0, 2.1])
    one = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    classes = np.array([0, 0, 0, 1])
    assert neighbors_agree(one, classes).tolist() == [True, True, False, False]
    assert view_scores(one, one, classes).neighbor == 0.5


def test_many_images_are_looked_for_in_groups() -> None:
    count = AMONG + 1
    random = np.random.default_rng(0).normal(size=(count, 24)).astype(np.float32)
    scores = view_scores(random, random)
    assert groups(count) == 2
    assert scores.among == 501
    assert scores.found == 1
    assert scores.count == count


def test_images_that_lie_class_by_class_do_not_favor_their_neighbors() -> None:
    """Vectors that know nothing of ten classes: one neighbor in ten is of the same."""
    count = 2 * AMONG
    one = unit(np.random.default_rng(0).normal(size=(count, 24)))
    found = neighbors_agree(one, np.arange(count) * 10 // count)
    assert found.mean() == pytest.approx(0.1, abs=0.03)


def test_back_from_json() -> None:
    one = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    scores = view_scores(one, one[::-1], np.arange(6) % 2, loss=0.5)
    written = json.loads(json.dumps(scores.to_json()))
    assert ViewScores.from_json(written) == scores
    assert [one.name for one in scores.all] == ["found", "neighbor", "spread"]


def test_a_vector_without_a_length_stays() -> None:
    assert unit(np.zeros((1, 3))).tolist() == [[0, 0, 0]]

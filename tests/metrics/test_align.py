"""A class keeps its meaning whatever its number is elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.errors import DataError
from vitreous.metrics import align, classification


def test_other_order_is_translated() -> None:
    alignment = align(["1", "2", "10"], ["1", "10", "2"])
    targets, known = alignment.numbers(np.array([0, 1, 2, 1]))
    assert targets.tolist() == [0, 2, 1, 2]
    assert known.all()
    assert not alignment.exact
    assert alignment.describe() == ()


def test_a_missing_class_leaves_the_others_alone() -> None:
    generator = np.random.default_rng(0)
    classes, truth = ["ant", "bee", "cat"], generator.integers(0, 3, 300)
    table = generator.dirichlet(np.ones(3), 300)
    whole = classification(table, truth, classes)
    kept = truth != 1
    folder = align(classes, ["ant", "cat"])  # class folder `bee` was deleted
    targets, known = folder.numbers(np.where(truth == 2, 1, 0)[kept])
    rest = classification(table[kept][known], targets[known], classes)
    assert folder.missing == ("bee",)
    assert rest.per_class[0].recall == whole.per_class[0].recall
    assert rest.per_class[2].recall == whole.per_class[2].recall
    assert rest.per_class[1].recall is None
    assert "no examples of 'bee'" in folder.describe()[0]


def test_an_unknown_class_is_reported_and_not_scored_as_something_else() -> None:
    alignment = align(["cat", "dog"], ["Cat", "dog", "zebra"])
    targets, known = alignment.numbers(np.array([0, 1, 2]))
    assert targets.tolist() == [-1, 1, -1]
    assert known.tolist() == [False, True, False]
    assert alignment.unknown == ("Cat", "zebra")
    text = " ".join(alignment.describe())
    assert "'Cat' of the data (did you mean 'cat'?)" in text
    assert "'zebra' of the data." in text


def test_accents_are_the_same_however_they_are_stored() -> None:
    assert align(["caf\u00e9", "tea"], ["cafe\u0301", "tea"]).exact


def test_labels_move_to_the_models_columns() -> None:
    alignment = align(["a", "b", "c"], ["c", "x", "a"])
    labels, known = alignment.marks(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], np.uint8))
    assert labels.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert known.tolist() == [True, False, True]


def test_foreign_data_are_refused() -> None:
    with pytest.raises(DataError, match="none of the data's classes"):
        align(["cat", "dog"], ["car", "bus"])

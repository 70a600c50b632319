"""Scores against scikit-learn, and what must not be reported."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics

from vitreous.errors import DataError, DivergedError
from vitreous.metrics import ClassificationScores, classification, multilabel
from vitreous.metrics.answers import CHUNK
from vitreous.metrics.average_precision import average_precision, choose_thresholds
from vitreous.metrics.trivial import majority


def draw(count: int, num_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, num_classes, count)
    logits = generator.normal(size=(count, num_classes)) + 2 * np.eye(num_classes)[truth]
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), truth


def names(count: int) -> list[str]:
    return [f"class {k}" for k in range(count)]


@pytest.mark.parametrize("num_classes", [2, 3, 7, 40])
def test_scores_agree_with_scikit_learn(num_classes: int) -> None:
    table, truth = draw(500, num_classes)
    scores = classification(table, truth, names(num_classes))
    answers = table.argmax(axis=1)
    labels = np.arange(num_classes)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(truth, answers))
    assert scores.loss == pytest.approx(metrics.log_loss(truth, table, labels=labels))
    assert scores.balanced_accuracy == pytest.approx(
        metrics.balanced_accuracy_score(truth, answers)
    )
    assert scores.f1 == pytest.approx(metrics.f1_score(truth, answers, average="macro"))
    np.testing.assert_allclose(
        scores.confusion, metrics.confusion_matrix(truth, answers, labels=labels)
    )
    columns = metrics.precision_recall_fscore_support(
        truth, answers, labels=labels, zero_division=np.nan
    )
    for key, column in zip(("precision", "recall", "f1", "support"), columns, strict=True):
        mine = [getattr(row, key) for row in scores.per_class]
        expected = [None if np.isnan(value) else value for value in column]
        assert mine == [None if e is None else pytest.approx(e) for e in expected]
    if num_classes > 5:
        assert scores.top5 == pytest.approx(
            metrics.top_k_accuracy_score(truth, table, k=5, labels=labels)
        )


@pytest.mark.parametrize("num_classes", [2, 3, 4, 5, 6])
def test_top5_is_left_out_where_it_means_nothing(num_classes: int) -> None:
    table, truth = draw(60, num_classes)
    state = classification(table, truth, names(num_classes)).to_json()
    assert ("top5" in state) == (num_classes == 6)
    if num_classes == 6:
        least = table.argmin(axis=1)
        assert state["top5"] == pytest.approx((least != truth).mean())


@pytest.mark.parametrize("num_classes", [3, 100, 101])
def test_the_confusion_of_many_classes_is_written_as_its_cells(num_classes: int) -> None:
    table, truth = draw(400, num_classes)
    scores = classification(table, truth, names(num_classes))
    state = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert isinstance(state["confusion"], dict) == (num_classes > 100)
    again = ClassificationScores.from_json(state)
    np.testing.assert_array_equal(again.confusion, scores.confusion)
    assert again.to_json() == scores.to_json()


def test_an_absent_class_has_no_scores_and_enters_no_mean() -> None:
    table, truth = draw(400, 4)
    kept = truth != 2
    whole = classification(table, truth, names(4))
    without = classification(table[kept], truth[kept], names(4))
    absent = without.per_class[2]
    assert (absent.support, absent.precision, absent.recall, absent.f1) == (0, None, None, None)
    # The others' recalls do not move when a class is taken out of the test part.
    for k in (0, 1, 3):
        assert without.per_class[k].recall == whole.per_class[k].recall
    recalls = [row.recall for row in without.per_class if row.recall is not None]
    assert without.balanced_accuracy == pytest.approx(np.mean(recalls))
    state = json.loads(json.dumps(without.to_json(), allow_nan=False))
    assert state["per_class"][2]["recall"] is None


def test_a_class_that_is_never_answered_has_no_precision() -> None:
    table = np.tile([0.9, 0.1], (4, 1))
    row = classification(table, [0, 0, 1, 1], ["a", "b"]).per_class[1]
    assert (row.precision, row.recall, row.f1) == (None, 0.0, 0.0)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table, truth = draw(301, 8)
    whole = classification(table, truth, names(8)).to_json()
    for chunk in (1, 8 * 7, 8 * 300, CHUNK):
        monkeypatch.setattr("vitreous.metrics.answers.CHUNK", chunk)
        assert classification(table, truth, names(8)).to_json() == whole


def test_ties_go_to_the_first_class_for_answers_and_ranks_alike() -> None:
    table = np.full((7, 7), 1 / 7)
    scores = classification(table, np.arange(7), names(7))
    assert scores.accuracy == pytest.approx(1 / 7)
    assert scores.top5 == pytest.approx(5 / 7)


def test_certain_and_wrong_costs_much_but_not_infinity() -> None:
    scores = classification([[1.0, 0.0]], [1], ["a", "b"])
    assert scores.loss == pytest.approx(-np.log(np.finfo(float).eps))


def test_the_headline_is_balanced_where_classes_are_skewed() -> None:
    table, _ = draw(100, 2)
    even = classification(table, np.arange(100) % 2, ["a", "b"])
    skewed = classification(table, (np.arange(100) < 5).astype(int), ["a", "b"])
    assert (even.headline.name, skewed.headline.name) == ("accuracy", "balanced_accuracy")
    assert skewed.value == skewed.balanced_accuracy
    low, high = skewed.bounds or (1, 0)
    assert low <= skewed.value <= high


@pytest.mark.parametrize("task", ["classify", "label"])
def test_json_holds_everything_and_comes_back(task: str) -> None:
    table, truth = draw(80, 6)
    if task == "classify":
        rules = [majority(truth, truth, 6)]
        scores = classification(table, truth, names(6), baselines=rules)
    else:
        scores = multilabel(table, np.eye(6)[truth], names(6), np.full(6, 0.4))
    state = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    again = ClassificationScores.from_json(state)
    assert again.to_json() == scores.to_json()
    assert again.per_class == scores.per_class
    assert again.baselines == scores.baselines
    assert again.interval == scores.interval


@pytest.mark.parametrize(
    ("table", "truth", "error", "message"),
    [
        (np.empty((0, 2)), [], DataError, "no examples"),
        ([[0.5, 0.5]], [0, 1], DataError, "fit together"),
        ([[0.5, 0.5]], [2], DataError, "no class number"),
        ([[0.5, 0.5]], [-1], DataError, "no class number"),
        ([[3.0, -1.0]], [0], DataError, "logits"),
        ([[0.2, 0.2]], [0], DataError, "sum to 1"),
        ([[0.5, 0.5], [np.nan, 0.5]], [0, 1], DivergedError, "not numbers"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    table: np.ndarray, truth: list[int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        classification(table, truth, ["a", "b"])


def test_the_row_without_a_number_is_named() -> None:
    with pytest.raises(DivergedError) as caught:
        classification([[0.5, 0.5], [np.nan, 0.5]], [0, 1], ["a", "b"])
    assert caught.value.where == "example 1"


def test_label_scores_agree_with_scikit_learn() -> None:
    generator = np.random.default_rng(5)
    truth = (generator.random((300, 5)) < [0.5, 0.3, 0.1, 0.05, 0.7]).astype(int)
    table = 1 / (1 + np.exp(-generator.normal(3 * truth - 1.5, 1.5)))
    scores = multilabel(table, truth, names(5), 0.5)
    given = table >= 0.5
    expected = metrics.average_precision_score(truth, table, average=None)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(truth, given))
    assert scores.map == pytest.approx(np.mean(expected))
    np.testing.assert_allclose([row.average_precision for row in scores.per_class], expected)
    assert scores.f1 == pytest.approx(metrics.f1_score(truth, given, average="macro"))
    assert scores.micro_f1 == pytest.approx(metrics.f1_score(truth, given, average="micro"))
    columns = metrics.precision_recall_fscore_support(truth, given)
    for key, column in zip(("precision", "recall", "f1", "support"), columns, strict=True):
        np.testing.assert_allclose([getattr(row, key) for row in scores.per_class], column)
    losses = [metrics.log_loss(truth[:, k], table[:, k]) for k in range(5)]
    assert scores.loss == pytest.approx(np.mean(losses))
    low, high = scores.map_interval or (1, 0)
    assert low < scores.map < high
    assert scores.headline.name == "map"


def test_average_precision_counts_equal_scores_together() -> None:
    generator = np.random.default_rng(6)
    scores, truth = generator.integers(0, 5, 200) / 4, generator.random(200) < 0.3
    expected = metrics.average_precision_score(truth, scores)
    assert average_precision(scores, truth) == pytest.approx(expected)
    assert average_precision(scores, np.zeros(200, bool)) is None


def test_a_label_that_nobody_has_enters_no_mean() -> None:
    truth = np.array([[1, 0], [0, 0], [1, 0]])
    scores = multilabel([[0.9, 0.2], [0.1, 0.3], [0.8, 0.1]], truth, ["a", "b"], 0.5)
    assert scores.map == 1.0
    assert scores.f1 == 1.0
    assert scores.per_class[1].average_precision is None


def test_thresholds_make_the_best_f1_on_validation() -> None:
    generator = np.random.default_rng(7)
    truth = (generator.random((400, 3)) < [0.4, 0.2, 0.01]).astype(int)
    table = 1 / (1 + np.exp(-generator.normal(2 * truth - 2.5, 1)))
    chosen = choose_thresholds(table, truth)
    for k in (0, 1):
        best = max(
            metrics.f1_score(truth[:, k], table[:, k] >= cut) for cut in np.unique(table[:, k])
        )
        assert metrics.f1_score(truth[:, k], table[:, k] >= chosen[k]) == pytest.approx(best)
    # The third label has too few examples for a threshold of its own.
    shared = choose_thresholds(table.reshape(-1, 1), truth.reshape(-1, 1))
    assert chosen[2] == shared[0]
    assert choose_thresholds(table, np.zeros_like(truth)).tolist() == [0.5] * 3

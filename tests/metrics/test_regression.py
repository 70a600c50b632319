"""Scores of real numbers against scikit-learn and closed forms."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from vitreous.errors import DataError, DivergedError
from vitreous.metrics.interval import bootstrap
from vitreous.metrics.regression import RegressionScores, mean_answer, regression
from vitreous.metrics.score import Rule, Scores

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.normal([10, -3], [4, 1], (80, 2))
ANSWERS = TRUTH + RANDOM.normal(0, [1, 0.8], (80, 2))
NAMES = ("height", "depth")


def test_each_quantity_has_the_scores_of_scikit_learn() -> None:
    found = regression(ANSWERS, TRUTH, NAMES, unit="m")
    for k, row in enumerate(found.per_quantity):
        both = TRUTH[:, k], ANSWERS[:, k]
        assert row.name == NAMES[k]
        assert row.rmse == pytest.approx(root_mean_squared_error(*both))
        assert row.mae == pytest.approx(mean_absolute_error(*both))
        assert row.r2 == pytest.approx(r2_score(*both))


def test_all_quantities_together() -> None:
    found = regression(ANSWERS, TRUTH, NAMES)
    errors = ANSWERS - TRUTH
    assert found.rmse == pytest.approx(math.sqrt((errors**2).mean()))
    assert found.mae == pytest.approx(mean_absolute_error(TRUTH, ANSWERS))
    assert found.r2 == pytest.approx(r2_score(TRUTH, ANSWERS))
    assert found.loss == pytest.approx((errors**2).mean())
    assert regression(ANSWERS, TRUTH, NAMES, loss=3.0).loss == 3.0


def test_one_quantity_is_all_of_them() -> None:
    found = regression(ANSWERS[:, :1], TRUTH[:, :1], NAMES[:1])
    (row,) = found.per_quantity
    assert (found.rmse, found.mae, found.r2) == (row.rmse, row.mae, row.r2)
    assert found.rmse_interval == row.rmse_interval
    assert found.r2_interval == row.r2_interval


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_intervals_are_a_bootstrap_over_examples(name: str) -> None:
    score = {"rmse": root_mean_squared_error, "mae": mean_absolute_error, "r2": r2_score}[name]
    row = regression(ANSWERS, TRUTH, NAMES).per_quantity[1]
    expected = bootstrap(lambda rows: float(score(TRUTH[rows, 1], ANSWERS[rows, 1])), 80)
    np.testing.assert_allclose(getattr(row, f"{name}_interval"), expected, rtol=1e-9)


def test_the_interval_of_the_mean_absolute_error_is_nearly_normal() -> None:
    row = regression(ANSWERS, TRUTH, NAMES).per_quantity[0]
    sizes = np.abs(ANSWERS - TRUTH)[:, 0]
    reach = 1.96 * sizes.std() / math.sqrt(80)
    np.testing.assert_allclose(
        row.mae_interval, (sizes.mean() - reach, sizes.mean() + reach), atol=0.03
    )


def test_a_large_offset_costs_no_digits() -> None:
    """The variance around a mean of a billion."""
    near, far = (regression(ANSWERS + m, TRUTH + m, NAMES).per_quantity for m in (0.0, 1e9))
    for k in range(2):
        assert far[k].r2 == pytest.approx(near[k].r2, rel=1e-5)
        np.testing.assert_allclose(far[k].r2_interval, near[k].r2_interval, rtol=1e-5)


def test_constant_truth_has_no_variance_to_explain() -> None:
    truth = np.stack([TRUTH[:, 0], np.full(80, 0.1)], axis=1)
    found = regression(ANSWERS, truth, NAMES)
    assert found.per_quantity[1].r2 is None
    assert found.per_quantity[1].r2_interval is None
    assert found.r2 == found.per_quantity[0].r2
    alone = regression(ANSWERS[:, 1:], truth[:, 1:], NAMES[1:])
    assert alone.r2 is None
    assert [score.name for score in alone.all] == ["rmse", "mae"]


def test_draws_of_one_value_alone_are_left_out() -> None:
    """Of three examples a ninth of all draws has no variance, and no division by nothing follows;
    of two, half, and the others are all alike.
    """
    found = regression([[1.0], [2.0], [0.0]], [[0.3], [0.7], [0.1]], ["a"])
    assert found.r2_interval is not None
    assert np.isfinite(found.r2_interval).all()
    assert regression([[1.0], [2.0]], [[0.3], [0.7]], ["a"]).r2_interval is None


def test_one_example_has_no_interval() -> None:
    found = regression([[1.0, 2.0]], [[0.0, 4.0]], NAMES)
    assert found.rmse == pytest.approx(math.sqrt(2.5))
    assert (found.rmse_interval, found.mae_interval, found.r2_interval) == (None, None, None)
    assert found.r2 is None


def test_lower_is_better_in_the_unit_of_the_numbers() -> None:
    found: Scores = regression(ANSWERS, TRUTH, NAMES, unit="px")
    headline = found.headline
    assert (headline.name, headline.better, headline.unit) == ("rmse", "lower", "px")
    assert headline.gain == -headline.value
    assert headline.text.endswith("px")
    explained = found.all[2]
    assert (explained.name, explained.better, explained.is_share) == ("r2", "higher", False)


def test_the_mean_of_the_training_values() -> None:
    train = RANDOM.normal([9, -3], 1, (50, 2))
    rule: Rule = mean_answer(train, TRUTH, unit="m")
    constant = np.tile(train.mean(axis=0), (80, 1))
    expected = regression(constant, TRUTH, NAMES, unit="m")
    for score in expected.all:
        assert rule.score(score.name) == score
    assert expected.r2 is not None
    assert expected.r2 < 0
    assert (rule.name, rule.count) == ("mean", 80)


def test_the_mean_of_these_very_values_explains_nothing() -> None:
    found = mean_answer(TRUTH, TRUTH).score("r2")
    assert found is not None
    assert found.value == pytest.approx(0, abs=1e-12)


def test_json_there_and_back() -> None:
    made = regression(ANSWERS, TRUTH, NAMES, unit="m", baselines=[mean_answer(TRUTH, TRUTH)])
    state = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert state["headline"] == "rmse"
    assert RegressionScores.from_json(state) == made
    one = regression([[1.0]], [[0.0]], ["a"])
    assert RegressionScores.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize(
    ("answers", "truth", "error", "said"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), DataError, "no examples"),
        (np.zeros((3, 1)), np.zeros((3, 2)), DataError, "do not fit together"),
        (np.zeros(3), np.zeros(3), DataError, "do not fit together"),
        (np.zeros((3, 2)), np.full((3, 2), np.nan), DataError, "a target is not a number"),
        (np.full((3, 2), np.inf), np.zeros((3, 2)), DivergedError, "not numbers"),
    ],
)
def test_what_cannot_be_scored(
    answers: np.ndarray, truth: np.ndarray, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        regression(answers, truth, NAMES)

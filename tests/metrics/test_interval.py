"""Intervals against closed forms, scipy's tests and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vitreous.errors import UsageError
from vitreous.metrics.interval import (
    bootstrap,
    mean_of_proportions,
    paired,
    percentiles,
    resampled_sums,
    spread,
    wilson,
)


@pytest.mark.parametrize(("right", "count"), [(0, 10), (10, 10), (3, 10), (970, 1000), (1, 1)])
def test_wilson_agrees_with_scipy(right: int, count: int) -> None:
    expected = stats.binomtest(right, count).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson(right, count), (expected.low, expected.high), atol=1e-12)


def test_wilson_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    for p in (0.5, 0.9, 0.99):
        hits = generator.binomial(200, p, 2000)
        covered = [low <= p <= high for low, high in (wilson(k, 200) for k in hits)]
        assert 0.92 < np.mean(covered) < 0.98


def test_nothing_measured_is_anything_possible() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert mean_of_proportions([0], [0]) == (0.0, 1.0)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_is_a_fraction(confidence: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        wilson(1, 2, confidence)


def test_the_mean_of_one_proportion_has_its_wilson_interval() -> None:
    np.testing.assert_allclose(mean_of_proportions([7, 0], [9, 0]), wilson(7, 9))


def test_the_mean_of_proportions_is_covered() -> None:
    generator = np.random.default_rng(1)
    shares, sizes = np.array([0.95, 0.7, 0.9, 0.99]), np.array([200, 20, 50, 80])
    covered = []
    for _ in range(1000):
        low, high = mean_of_proportions(generator.binomial(sizes, shares), sizes)
        covered.append(low <= shares.mean() <= high)
    assert 0.92 < np.mean(covered) < 0.99


def test_bootstrap_of_a_mean_is_the_normal_interval_and_repeats() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = bootstrap(lambda rows: float(values[rows].mean()), len(values))
    reach = 1.96 * values.std() / 20
    np.testing.assert_allclose(
        (low, high), (values.mean() - reach, values.mean() + reach), atol=0.03
    )
    assert bootstrap(lambda rows: float(values[rows].mean()), len(values)) == (low, high)


@pytest.mark.parametrize("together", [1, 7, 100])
def test_sums_are_drawn_as_the_bootstrap_draws(together: int) -> None:
    table = np.random.default_rng(0).normal(3, 2, (40, 2))
    sums = resampled_sums(table, samples=90, together=together)
    assert sums.shape == (90, 2)
    expected = bootstrap(lambda rows: float(table[rows, 1].sum()), 40, samples=90)
    np.testing.assert_allclose(percentiles(sums[:, 1]), expected)
    assert percentiles([*range(101), np.nan], 0.5) == (25, 75)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (5, 0), (10, 3), (7, 7), (40, 61)])
def test_mcnemar_is_the_binomial_test(only_a: int, only_b: int) -> None:
    a = np.array([1] * 30 + [1] * only_a + [0] * only_b + [0] * 10, bool)
    b = np.array([1] * 30 + [0] * only_a + [1] * only_b + [0] * 10, bool)
    result = paired(a, b)
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert result.p == pytest.approx(expected)
    assert (result.only_first, result.only_second) == (only_a, only_b)
    assert result.difference == pytest.approx(a.mean() - b.mean())
    assert result.interval[0] <= result.difference <= result.interval[1]


def test_the_paired_interval_covers_the_difference() -> None:
    generator = np.random.default_rng(2)
    covered = []
    for _ in range(1000):
        a = generator.random(150) < 0.9
        b = np.where(generator.random(150) < 0.8, a, generator.random(150) < 0.7)
        low, high = paired(a, b).interval
        covered.append(low <= 0.9 - (0.8 * 0.9 + 0.2 * 0.7) <= high)
    assert 0.93 < np.mean(covered) < 0.99


def test_models_are_compared_on_the_same_examples() -> None:
    with pytest.raises(UsageError, match="same examples"):
        paired([True], [True, False])


def test_means_over_seeds_are_no_answers() -> None:
    with pytest.raises(UsageError, match="right or wrong"):
        paired([0.4, 1.0], [0.2, 1.0])


def test_a_spread_over_seeds_is_students() -> None:
    runs = [0.91, 0.93, 0.92, 0.95]
    result = spread(runs)
    expected = stats.t.interval(0.95, 3, loc=np.mean(runs), scale=stats.sem(runs))
    np.testing.assert_allclose(result.interval, expected)
    with pytest.raises(UsageError, match="two runs"):
        spread([0.9])

"""Paired tests against scipy's, and the number of images that would settle a difference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vitreous.errors import UsageError
from vitreous.metrics.contrast import POWER, between, contrast, holm, needed
from vitreous.metrics.interval import spread


def test_right_and_wrong_answers_are_compared_by_mcnemar() -> None:
    one = np.repeat([1, 1, 0, 0], [60, 21, 9, 10])
    two = np.repeat([1, 0, 1, 0], [60, 21, 9, 10])
    found = contrast(one, two)
    assert found.p == pytest.approx(stats.binomtest(9, 30, 0.5).pvalue)
    assert (found.first_better, found.second_better, found.count) == (21, 9, 100)
    assert found.difference == pytest.approx(0.12)
    assert found.interval is not None
    assert found.interval[0] < 0.12 < found.interval[1]
    mirrored = contrast(two, one)
    assert mirrored.p == found.p
    assert mirrored.difference == -found.difference


def test_other_numbers_are_compared_by_a_permutation_test() -> None:
    draw = np.random.default_rng(0)
    two = draw.random(60)
    for shift in (0.0, 0.03, 0.1):
        one = two + draw.normal(shift, 0.1, 60)
        peer = stats.permutation_test(
            (one, two),
            lambda a, b, axis: (a - b).mean(axis=axis),
            permutation_type="samples",
            n_resamples=10_000,
            rng=np.random.default_rng(1),
        )
        found = contrast(one, two)
        assert found.p == pytest.approx(peer.pvalue, abs=0.03)
        interval = stats.ttest_rel(one, two).confidence_interval()
        assert found.interval == pytest.approx([interval.low, interval.high], abs=0.01)


def test_equal_answers_are_no_difference() -> None:
    same = np.array([1, 0, 1, 1])
    found = contrast(same, same)
    assert (found.difference, found.p, found.needed) == (0, 1, None)
    assert contrast(same / 3, same / 3).p == 1


def test_images_without_a_score_are_left_out() -> None:
    found = contrast([0.5, np.nan, 0.25], [0.25, 1.0, np.nan])
    assert (found.count, found.difference) == (1, 0.25)
    with pytest.raises(UsageError, match="no image on which both"):
        contrast([np.nan], [1.0])
    with pytest.raises(UsageError, match="same images only"):
        contrast([1, 0], [1])


def test_so_many_images_settle_it_in_8_of_10_tries() -> None:
    draw = np.random.default_rng(0)
    chances = (0.08, 0.05, 0.87)  # the first alone is right, the second alone, both alike
    gaps = np.repeat([1.0, -1.0, 0.0], [8, 5, 87])
    count = needed(gaps)
    assert count is not None
    shown = 0
    for _ in range(400):
        first, second, _ = draw.multinomial(count, chances)
        shown += stats.binomtest(first, first + second, 0.5).pvalue < 0.05
    assert shown / 400 == pytest.approx(POWER, abs=0.06)


def test_holm_is_holm() -> None:
    # Worked by hand: 0.01 × 4, 0.02 × 3, then never below the one before.
    assert holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert holm([]) == []


def test_means_over_seeds_are_compared_by_welch() -> None:
    one, two = [0.91, 0.93, 0.92], [0.88, 0.90, 0.93, 0.87]
    peer = stats.ttest_ind(one, two, equal_var=False)
    interval, p = between(spread(one), spread(two))
    assert p == pytest.approx(peer.pvalue)
    assert interval == pytest.approx([*peer.confidence_interval()])
    assert between(spread([1, 1]), spread([1, 1])) == ((0, 0), 1.0)

"""No interval claims more than its examples tell: one alone, or none missed, tell nothing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from vitreous.metrics.interval import bootstrap, percentiles
from vitreous.metrics.localization import LocalizationScores, localization
from vitreous.metrics.multilabel import multilabel
from vitreous.metrics.pck import KeyPointScores, key_points
from vitreous.metrics.pixel_confusion import PixelConfusion
from vitreous.metrics.regression import RegressionScores, regression
from vitreous.metrics.retrieval import retrieval
from vitreous.metrics.segmentation import SegmentationScores, one_class, segmentation

BODY = np.array([[0.0, 0, 1], [30, 40, 1], [30, 0, 1]])


def masks(count: int, missed: bool) -> PixelConfusion:
    truth = np.arange(count * 16).reshape(count, 4, 4) % 2
    found = PixelConfusion(2)
    found.add(np.where(np.arange(4) == 3, 0, truth) if missed else truth, truth)
    return found


def bodies(count: int, missed: bool) -> KeyPointScores:
    truth = np.tile(BODY, (count, 1, 1))
    return key_points(truth[..., :2] + 100 * missed, truth, "abc", loss=0)


def numbers(count: int, missed: bool) -> RegressionScores:
    truth = np.arange(count, dtype=float)[:, None]
    return regression(truth + missed, truth, ["width"])


def places(count: int, missed: bool) -> LocalizationScores:
    overlaps = np.full(count, 0.25 if missed else 1.0)
    return localization(overlaps, [0] * count, [0] * count, ("cat",), loss=0)


def labels(count: int, missed: bool) -> Any:
    truth = np.arange(2 * count).reshape(count, 2) % 2
    return multilabel(np.abs(truth - missed), truth, "ab", np.full(2, 0.5))


def region(count: int, missed: bool) -> SegmentationScores:
    return segmentation(masks(count, missed), "ab", loss=0)


@pytest.mark.parametrize(("count", "missed"), [(1, False), (1, True), (5, False), (5, True)])
@pytest.mark.parametrize("scores", [region, bodies, numbers, places, labels])
def test_no_interval_has_a_width_of_zero(scores: Any, count: int, missed: bool) -> None:
    """In all of these each example did as well as each other, over and over."""
    found = scores(count, missed)
    for score in found.all:
        assert score.bounds is None or score.bounds[0] < score.bounds[1], score.name
    again = type(found).from_json(json.loads(json.dumps(found.to_json())))
    assert [score.bounds for score in again.all] == [score.bounds for score in found.all]


def test_nor_has_that_of_a_class_in_one_image_alone() -> None:
    truth = np.zeros((5, 4, 4), int)
    truth[2, 0] = 1
    answers = truth.copy()
    answers[2, 0, 0] = 0
    found = PixelConfusion(2)
    found.add(answers, truth)
    _, rare = segmentation(found, "ab", loss=0).per_class
    assert (rare.iou, rare.interval) == (0.75, None)


def test_nor_has_that_of_a_rule_or_of_a_ranking() -> None:
    for score in one_class(masks(1, False), "ab", 0).scores:
        assert score.bounds is None
    ranked = retrieval(np.ones((5, 3), bool), np.full(5, 4))
    assert ranked is not None
    assert (ranked.map, ranked.interval) == (1, None)
    assert ranked.first_interval[0] < 1


def test_rounding_is_no_width() -> None:
    """Twice and three times the same example, summed up and divided."""
    drawn = np.array([0.1 + 0.2, 0.3, np.nan, 0.1 * 3])
    assert np.ptp(drawn[[0, 1, 3]]) > 0
    assert percentiles(drawn) is None
    assert percentiles([np.nan, np.nan]) is None
    assert bootstrap(lambda rows: 0.0, 5) is None
    assert percentiles([0.3, 0.3 + 1e-9, 0.3]) is not None

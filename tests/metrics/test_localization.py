"""Localization scores against numbers counted by hand."""

from __future__ import annotations

import json

import pytest

from vitreous.errors import DataError
from vitreous.metrics.interval import wilson
from vitreous.metrics.localization import LocalizationScores, localization


def test_scores_counted_by_hand() -> None:
    overlaps = [0.9, 0.5, 0.49, 0.8]
    scores = localization(overlaps, [0, 1, 0, 1], [0, 1, 0, 0], ("cat", "dog"), loss=0.25)
    assert scores.accuracy == 0.5  # the third box is off, the fourth is called wrongly
    assert scores.accuracy_interval == wilson(2, 4)
    assert (scores.corloc, scores.class_accuracy) == (0.75, 0.75)
    assert scores.mean_iou == pytest.approx(2.69 / 4)
    cat, dog = scores.per_class
    assert (cat.count, cat.accuracy, cat.corloc) == (3, pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (dog.count, dog.accuracy, dog.mean_iou) == (1, 1, 0.5)
    assert scores.headline.name == "accuracy"
    again = LocalizationScores.from_json(json.loads(json.dumps(scores.to_json())))
    assert again == scores


def test_a_class_that_is_absent_has_no_scores() -> None:
    scores = localization([1.0], [0], [0], ("cat", "dog"), loss=0)
    assert (scores.per_class[1].count, scores.per_class[1].accuracy) == (0, None)


def test_boxes_of_one_kind_have_no_class_accuracy() -> None:
    scores = localization([1.0, 0.2], [0, 0], [0, 0], loss=0)
    assert scores.class_accuracy is None
    assert [score.name for score in scores.all] == ["accuracy", "mean_iou", "corloc"]
    assert LocalizationScores.from_json(json.loads(json.dumps(scores.to_json()))) == scores


def test_no_image_is_refused() -> None:
    with pytest.raises(DataError, match="no image"):
        localization([], [], [], loss=0)

"""PCK and mean errors against numbers that can be counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vitreous.errors import DataError, DivergedError
from vitreous.metrics.pck import KeyPointScores, answering_points, image_pck, key_points, sizes_of

BODY = ("left shoulder", "right_hip", "head")


def test_points_are_near_within_a_fifth_of_the_torso() -> None:
    truth = np.array([[[0, 0, 1], [30, 40, 1], [0, -20, 1]]])  # a torso of 50: 10 px are near
    answers = truth[..., :2] + np.array([[[10, 0], [0, 10.01], [6, 8]]])
    scores = key_points(answers, truth, BODY, loss=0.5)
    assert scores.scale == "torso"
    assert scores.pck == pytest.approx(2 / 3)
    assert scores.error == pytest.approx((10 + 10.01 + 10) / 3)
    assert [row.pck for row in scores.per_point] == [1, 0, 1]
    assert scores.headline.name == "pck"


def test_without_a_body_the_extent_is_the_size() -> None:
    truth = np.array([[[0, 0, 1], [30, 40, 1], [10, 10, 1]]])  # a diagonal of 50
    answers = truth[..., :2] + np.array([[[0, 9.9], [0, 0], [0, 10.1]]])
    scores = key_points(answers, truth, ("a", "b", "c"), loss=0)
    assert (scores.scale, scores.by_extent) == ("extent", 0)
    assert scores.pck == pytest.approx(2 / 3)


def test_a_hidden_torso_gives_way_to_the_other_side_and_then_to_the_extent() -> None:
    names = ("left shoulder", "right hip", "right shoulder", "left hip")
    truth = np.array(
        [
            [[0, 0, 1], [0, 10, 1], [0, 0, 1], [0, 20, 1]],
            [[0, 0, 0], [0, 10, 1], [0, 0, 1], [0, 20, 1]],
            [[0, 0, 0], [0, 10, 1], [30, 50, 1], [0, 0, 0]],
        ]
    )
    sizes, torso = sizes_of(truth, names)
    assert sizes.tolist() == [10, 20, 50]
    assert torso.tolist() == [True, True, False]
    scores = key_points(truth[..., :2], truth, names, loss=0)
    assert (scores.scale, scores.by_extent, scores.pck) == ("torso", 1, 1)


def test_hidden_points_count_nowhere() -> None:
    truth = np.array([[[0, 0, 1], [3, 4, 1], [0, 0, 0]]] * 2)
    answers = truth[..., :2].copy().astype(float)
    answers[:, 2] = 1e6
    scores = key_points(answers, truth, ("a", "b", "c"), loss=0)
    assert (scores.pck, scores.error, scores.points) == (1, 0, 4)
    last = scores.per_point[2]
    assert (last.count, last.pck, last.error) == (0, None, None)
    pck, errors = image_pck(answers, truth, ("a", "b", "c"))
    assert (pck.tolist(), errors.tolist()) == ([1, 1], [0, 0])


def test_one_point_alone_has_an_error_and_no_pck() -> None:
    truth = np.array([[[5, 5, 1]], [[9, 9, 0]]])
    scores = key_points(truth[..., :2] + 3, truth, ("middle",), loss=0)
    assert scores.pck is None
    assert scores.headline.name == "error"
    assert scores.error == pytest.approx(np.hypot(3, 3))
    pck, errors = image_pck(truth[..., :2] + 3, truth, ("middle",))
    assert np.isnan(pck).all()
    assert np.isnan(errors[1])


def test_the_interval_is_that_of_drawn_images() -> None:
    """Of 100 images with four points each, half are all right: a Bernoulli draw of images."""
    truth = np.tile(np.array([[0, 0, 1], [30, 40, 1], [30, 0, 1], [0, 40, 1]]), (100, 1, 1))
    answers = truth[..., :2].astype(float)
    answers[::2] += 1000
    scores = key_points(answers, truth, tuple("abcd"), loss=0)
    assert scores.pck == 0.5
    assert scores.pck_interval == pytest.approx((0.5 - 1.96 * 0.05, 0.5 + 1.96 * 0.05), abs=0.02)


def test_scores_come_back_from_json() -> None:
    truth = np.array([[[0, 0, 1], [3, 4, 1], [0, 0, 0]]] * 3)
    rule = answering_points(
        truth[..., :2], truth, BODY, name="mean", title="mean pose", detail="always answers it"
    )
    scores = key_points(truth[..., :2], truth, BODY, loss=1.5, baselines=[rule])
    again = KeyPointScores.from_json(json.loads(json.dumps(scores.to_json())))
    assert again == scores


def test_what_cannot_be_scored_is_refused() -> None:
    hidden = np.zeros((2, 3, 3))
    with pytest.raises(DataError, match="no point"):
        key_points(hidden[..., :2], hidden, BODY, loss=0)
    with pytest.raises(DataError, match="no images"):
        key_points(hidden[:0, :, :2], hidden[:0], BODY, loss=0)
    seen = np.ones((1, 3, 3))
    with pytest.raises(DivergedError):
        key_points(np.full((1, 3, 2), np.nan), seen, BODY, loss=0)

"""Scores of masks against scikit-learn on all pixels at once, and what must not be reported."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score

from vitreous.errors import DataError, UsageError
from vitreous.metrics.boundary import boundary_f1
from vitreous.metrics.interval import bootstrap
from vitreous.metrics.pixel_confusion import PixelConfusion
from vitreous.metrics.score import Rule, Scores
from vitreous.metrics.segmentation import (
    SegmentationScores,
    image_iou,
    one_class,
    segmentation,
)

IGNORE = 255
CLASSES = ("sky", "road", "car", "ghost")
RANDOM = np.random.default_rng(0)
# Of 12 images; nothing is a ghost, but some is called so. Three in ten pixels do not count.
TRUTH = RANDOM.integers(0, 3, (12, 9, 7)).astype(np.uint8)
ANSWERS = np.where(RANDOM.random(TRUTH.shape) < 0.6, TRUTH, RANDOM.integers(0, 4, TRUTH.shape))
TRUTH[RANDOM.random(TRUTH.shape) < 0.3] = IGNORE
COUNTED = TRUTH != IGNORE


def counted(rows: slice = slice(None), batch: int = 5) -> PixelConfusion:
    found = PixelConfusion(4, IGNORE)
    truth, answers = TRUTH[rows], ANSWERS[rows]
    for start in range(0, len(truth), batch):
        found.add(answers[start : start + batch], torch.from_numpy(truth[start : start + batch]))
    return found


def scores() -> SegmentationScores:
    return segmentation(counted(), CLASSES, loss=0.7)


def test_the_matrix_is_that_of_all_pixels() -> None:
    expected = confusion_matrix(TRUTH[COUNTED], ANSWERS[COUNTED], labels=range(4))
    assert np.array_equal(counted().matrix, expected)
    assert scores().pixels == COUNTED.sum()


@pytest.mark.parametrize("average", ["iou", "dice"])
def test_overlaps_are_those_of_scikit_learn(average: str) -> None:
    found = scores()
    score = {"iou": jaccard_score, "dice": f1_score}[average]
    # Of the class without pixels scikit-learn says 0; it is left out of ours.
    expected = score(TRUTH[COUNTED], ANSWERS[COUNTED], average=None, labels=range(4))
    assert expected[3] == 0
    rows = [getattr(row, average) for row in found.per_class]
    np.testing.assert_allclose(rows[:3], expected[:3])
    assert rows[3] is None
    assert getattr(found, f"mean_{average}") == pytest.approx(expected[:3].mean())
    assert found.accuracy == pytest.approx(accuracy_score(TRUTH[COUNTED], ANSWERS[COUNTED]))


def test_precision_and_recall_of_pixels() -> None:
    found = scores().per_class
    for k in range(3):
        is_it, called = TRUTH[COUNTED] == k, ANSWERS[COUNTED] == k
        assert found[k].pixels == is_it.sum()
        assert found[k].precision == pytest.approx((is_it & called).sum() / called.sum())
        assert found[k].recall == pytest.approx((is_it & called).sum() / is_it.sum())


def test_a_class_without_pixels_has_no_scores() -> None:
    ghost = scores().per_class[3]
    assert (ghost.name, ghost.pixels) == ("ghost", 0)
    assert [ghost.iou, ghost.interval, ghost.dice, ghost.precision, ghost.recall] == [None] * 5
    assert counted().matrix[:, 3].sum() > 0  # although some pixels were called so


def test_a_class_that_is_never_found_counts_as_nothing_found() -> None:
    found = PixelConfusion(2)
    found.add(np.zeros((1, 2, 4), int), np.array([[[0, 0, 0, 1]] * 2]))
    made = segmentation(found, ("a", "b"), loss=0.0)
    assert (made.per_class[0].iou, made.per_class[1].iou) == (0.75, 0.0)
    assert (made.mean_iou, made.accuracy) == (0.375, 0.75)
    assert made.per_class[1].precision is None


def test_what_is_ignored_has_no_influence() -> None:
    other = PixelConfusion(4, IGNORE)
    other.add(np.where(COUNTED, ANSWERS, (ANSWERS + 1) % 4), TRUTH)
    assert np.array_equal(other.counts, counted().counts)
    assert np.array_equal(other.matrix, counted().matrix)


def test_minus_one_can_be_ignored() -> None:
    found = PixelConfusion(256, -1)
    found.add(np.full((1, 1, 3), 255, np.uint8), np.array([[[255, -1, 255]]], np.int16))
    assert found.matrix[255, 255] == found.matrix.sum() == 2
    bytes_ = PixelConfusion(256, -1)
    bytes_.add(np.full((1, 1, 3), 255, np.uint8), np.full((1, 1, 3), 255, np.uint8))
    assert bytes_.matrix.sum() == 3


@pytest.mark.parametrize("batch", [1, 4, 12])
def test_batches_do_not_matter(batch: int) -> None:
    assert np.array_equal(counted(batch=batch).counts, counted().counts)
    assert np.array_equal(counted(batch=batch).matrix, counted().matrix)


def test_parts_can_be_merged() -> None:
    first, second = counted(slice(0, 7)), counted(slice(7, None))
    first.merge(second)
    assert len(first) == 12
    assert np.array_equal(first.counts, counted().counts)
    assert segmentation(first, CLASSES, loss=0.7).to_json() == scores().to_json()
    with pytest.raises(UsageError, match="different classes"):
        first.merge(PixelConfusion(4))


def test_the_memory_does_not_grow_with_pixels() -> None:
    """Three numbers an image and class, however many pixels an image has."""
    assert counted().counts.shape == (12, 3, 4)
    assert counted().counts.nbytes == 12 * 3 * 4 * 4


def test_intervals_are_a_bootstrap_over_images() -> None:
    def mean_iou(rows: np.ndarray) -> float:
        truth, answers = TRUTH[rows], ANSWERS[rows]
        there = truth != IGNORE
        both = truth[there], answers[there]
        return float(np.mean(jaccard_score(*both, average=None, labels=range(3))))

    expected = bootstrap(mean_iou, 12, samples=200)
    found = scores().mean_iou_interval
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert found[0] < scores().mean_iou < found[1]
    for row in scores().per_class[:3]:
        assert row.iou is not None
        assert row.interval is not None
        assert row.interval[0] < row.iou < row.interval[1]


def test_intervals_cover_as_often_as_they_say() -> None:
    """Images differ: an interval over pixels as if each were alone would be too narrow by far."""
    random = np.random.default_rng(1)
    covered = []
    for _ in range(150):
        found = PixelConfusion(2)
        share = random.beta(4, 1, (60, 1, 1))  # of right pixels in each image
        found.add((random.random((60, 8, 8)) >= share).astype(int), np.zeros((60, 8, 8), int))
        low, high = segmentation(found, ("a", "b"), loss=0.0).accuracy_interval or (1, 0)
        covered.append(low <= 0.8 <= high)
    assert 0.88 < np.mean(covered) < 0.99


def test_the_iou_of_each_image() -> None:
    expected = []
    for truth, answer in zip(TRUTH, ANSWERS, strict=True):
        there = truth != IGNORE
        classes = np.unique(truth[there])
        both = truth[there], answer[there]
        expected.append(np.mean(jaccard_score(*both, average=None, labels=classes)))
    np.testing.assert_allclose(image_iou(counted()), expected)
    empty = PixelConfusion(2, IGNORE)
    empty.add(np.zeros((1, 2, 2), int), np.full((1, 2, 2), IGNORE))
    assert np.isnan(image_iou(empty)).all()


def test_an_image_without_truth_changes_nothing_but_the_count() -> None:
    more = counted()
    more.add(np.zeros((1, 9, 7), int), np.full((1, 9, 7), IGNORE))
    found = segmentation(more, CLASSES, loss=0.7)
    assert (found.count, found.mean_iou, found.pixels) == (13, scores().mean_iou, scores().pixels)


def test_calling_everything_one_class() -> None:
    rule: Rule = one_class(counted(), CLASSES, 1)
    everywhere = PixelConfusion(4, IGNORE)
    everywhere.add(np.ones_like(TRUTH), TRUTH)
    expected = segmentation(everywhere, CLASSES, loss=0.0)
    assert rule.detail == "calls every pixel road"
    assert rule.count == 12
    for name in ("mean_iou", "pixel_accuracy"):
        mine, theirs = rule.score(name), next(s for s in expected.all if s.name == name)
        assert mine is not None
        assert (mine.value, mine.bounds) == (theirs.value, theirs.bounds)
    assert rule.score("mean_dice") is None


def test_the_headline_is_the_mean_iou() -> None:
    found: Scores = scores()
    assert found.headline.name == "mean_iou"
    assert found.headline.better == "higher"
    assert found.headline.is_share
    assert [score.name for score in found.all] == ["mean_iou", "mean_dice", "pixel_accuracy"]
    assert found.headline.bounds == scores().mean_iou_interval


def test_json_there_and_back() -> None:
    rule = one_class(counted(), CLASSES, 0)
    made = segmentation(counted(), CLASSES, loss=0.7, baselines=[rule])
    state = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert state["headline"] == "mean_iou"
    again = SegmentationScores.from_json(state)
    assert again.baselines == (rule,)
    assert np.array_equal(again.confusion, made.confusion)
    assert again.per_class == made.per_class
    assert again.to_json() == made.to_json()


@pytest.mark.parametrize(
    ("answers", "truth", "said"),
    [
        (np.zeros((2, 3, 3), int), np.zeros((2, 3, 4), int), "do not fit together"),
        (np.zeros((3, 3), int), np.zeros((3, 3), int), "do not fit together"),
        (np.zeros((1, 3, 3)), np.zeros((1, 3, 3), int), "do not fit together"),
        (np.zeros((1, 3, 3), int), np.full((1, 3, 3), 4), "a mask holds 4 to 4"),
        (np.zeros((1, 3, 3), int), np.full((1, 3, 3), -1), "a mask holds -1 to -1"),
        (np.full((1, 3, 3), 4), np.zeros((1, 3, 3), int), "an answer holds 4 to 4"),
    ],
)
def test_what_cannot_be_counted(answers: np.ndarray, truth: np.ndarray, said: str) -> None:
    found = PixelConfusion(4, IGNORE)
    with pytest.raises(DataError, match=said):
        found.add(answers, truth)
    assert len(found) == 0
    assert not found.matrix.any()


def test_nothing_to_score() -> None:
    with pytest.raises(DataError, match="no images"):
        segmentation(PixelConfusion(2), ("a", "b"), loss=0.0)
    empty = PixelConfusion(2, IGNORE)
    empty.add(np.zeros((1, 2, 2), int), np.full((1, 2, 2), IGNORE))
    with pytest.raises(DataError, match="no pixel"):
        segmentation(empty, ("a", "b"), loss=0.0)


def test_means_over_images_have_intervals_and_come_back_from_json() -> None:
    random = np.random.default_rng(2)
    outlines = random.integers(0, 9, (12, 4, 4)).astype(np.int32)
    outlines[:, 1::2] = np.minimum(outlines[:, 1::2], outlines[:, ::2])
    outlines[3] = 0  # an image without outlines
    rands = [*random.random(11), np.nan]
    found = segmentation(counted(), CLASSES, loss=0.7, outlines=[*outlines], rands=rands)
    assert [score.name for score in found.all][3:] == ["boundary_f1", "foreground_rand"]
    each = boundary_f1(outlines)
    assert found.boundary_f1 == pytest.approx(np.nanmean(each))
    assert found.foreground_rand == pytest.approx(np.nanmean(rands))
    expected = bootstrap(lambda rows: float(np.nanmean(each[rows])), 12)
    np.testing.assert_allclose(found.boundary_f1_interval, expected)
    again = SegmentationScores.from_json(json.loads(json.dumps(found.to_json())))
    assert again.to_json() == found.to_json()
    older = {key: value for key, value in found.to_json().items() if "rand" not in key}
    assert SegmentationScores.from_json(older).foreground_rand is None

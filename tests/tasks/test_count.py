"""Counting: a density whose sum is the count at every border, boxes by class, answers in place."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from vitreous.data.boxes import Boxes
from vitreous.data.dots import Dots
from vitreous.data.images.frame import Frame
from vitreous.errors import DataError
from vitreous.metrics.counting import counting, mean_count
from vitreous.tasks.count import Count
from vitreous.tasks.density import densities, tally

CORNERS = [[0, 0], [15, 0], [0, 11], [15, 11], [7.3, 5.8], [-0.5, -0.5]]


@pytest.mark.parametrize("deviation", [1.0, 3.0, 40.0])
def test_a_density_sums_to_the_count_also_at_borders(deviation: float) -> None:
    dots = [torch.tensor(CORNERS), torch.zeros(0, 2), torch.tensor(CORNERS[:1])]
    maps = densities(dots, 1, (12, 16), deviation)
    assert maps.shape == (3, 1, 12, 16)
    assert maps.sum((1, 2, 3)).tolist() == pytest.approx([6, 0, 1], abs=1e-5)
    assert (maps >= 0).all()


def test_a_hill_is_a_gaussian_where_no_border_is_near() -> None:
    (hill,) = densities([torch.tensor([[20.0, 15.0]])], 1, (31, 41), 2.0)[0]
    rows, columns = torch.meshgrid(torch.arange(31), torch.arange(41), indexing="ij")
    squares = (columns - 20) ** 2 + (rows - 15) ** 2
    expected = torch.exp(-squares / 8) / (2 * torch.pi * 4)
    torch.testing.assert_close(hill, expected, rtol=0, atol=1e-6)
    assert Count(deviation=2.0).scale * hill.max() == pytest.approx(1, abs=1e-4)


def test_each_class_has_a_map_of_its_own() -> None:
    dots = [torch.tensor([[2, 3, 0], [4, 4, 2], [5, 5, 2]])]
    maps = densities(dots, 3, (8, 8), 1.0)
    assert maps.sum((2, 3)).tolist() == [pytest.approx([1, 0, 2], abs=1e-5)]
    assert tally(dots, 3).tolist() == [[1, 0, 2]]


def test_what_a_perfect_network_gives_is_the_count() -> None:
    column = Dots.of([[[1, 2, 1], [7, 6, 0], [3, 3, 1]], np.zeros((0, 3))], ("cat", "dog"))
    task = Count.of({"dot": column}).within(64, 128)
    # At least four things to a window: 2048 pixels each, 45 from one to the next.
    assert task.deviation == pytest.approx(0.15 * 2048**0.5)
    crowd = Count.of({"dot": Dots.of([np.zeros((32, 2)), np.zeros((0, 2))])}).within(64, 128)
    assert crowd.deviation == pytest.approx(0.15 * 256**0.5)
    dots = column.batch(np.arange(2))
    outputs = task.wanted(torch.zeros(2, 2, 64, 128), {"dot": dots})
    assert task.loss(outputs, {"dot": dots}).tolist() == [0, 0]
    one, none = task.decode(outputs)
    assert one.counts == pytest.approx((1, 2), abs=1e-5)
    assert (one.text, none.text) == ("cat 1, dog 2", "cat 0, dog 0")
    assert one.to_json() == {
        "count": pytest.approx(3),
        "counts": pytest.approx({"cat": 1, "dog": 2}),
    }


def test_the_density_keeps_its_sum_in_the_image_s_own_pixels() -> None:
    task = Count(deviation=1.5)
    dots = [torch.tensor([[7.3, 5.8], [0.0, 20.0]])]
    outputs = task.wanted(torch.zeros(1, 1, 24, 32), {"dot": dots})
    frame = Frame.resized_crop((100, 140), (24, 32), (0, 0, 140, 100))
    (answer,) = task.decode(outputs, [frame])
    assert answer.density is not None
    assert answer.density.shape == (100, 140)
    assert answer.density.sum() == pytest.approx(2, abs=1e-3)
    # The hill of the first dot lies where the dot lies.
    part = answer.density[:60]
    row, column = np.unravel_index(part.argmax(), part.shape)
    assert frame.inverse.points([7.3, 5.8]) == pytest.approx((column, row), abs=4)


def test_no_count_is_below_nothing() -> None:
    (answer,) = Count(deviation=1.0).decode(torch.full((1, 1, 8, 8), -1.0))
    assert answer.counts == (0,)
    json.dumps(answer.to_json())
    image = np.full((8, 8, 1), 70, np.uint8)
    assert (answer.draw(image) == 70).all()


def test_boxes_are_counted_by_their_middles() -> None:
    boxes = Boxes.of([[[0, 0, 4, 2, 1]], [[2, 2, 5, 5, 0], [0, 0, 2, 2, 1]]], ("a", "b"))
    column = Count.adapt({"box": boxes}, "here")["dot"]
    assert isinstance(column, Dots)
    assert column.array.tolist() == [[1.5, 0.5], [3, 3], [0.5, 0.5]]
    assert column.tally().tolist() == [[0, 1], [1, 1]]


def test_ignored_boxes_are_not_counted() -> None:
    boxes = Boxes(np.ones((2, 4)) * [0, 0, 2, 2], [2], ignored=[True, False])
    assert Count.adapt({"box": boxes}, "here")["dot"].tally().tolist() == [[1]]


def test_classes_meet_by_name() -> None:
    task = Count(classes=("dog", "cat"))
    column = Dots.of([[[1, 1, 0], [2, 2, 1], [3, 3, 2]]], ("cat", "cow", "dog"))
    aligned = task.align({"dot": column}, "here")
    assert aligned.targets["dot"].gather(np.array([0]))[0].tolist() == [[1, 1, 1], [3, 3, 0]]
    assert any("cow" in note for note in aligned.notes)
    with pytest.raises(DataError, match="no class"):
        task.align({"dot": Dots.of([[[1, 1]]])}, "here")
    together = Count().align({"dot": column}, "here")
    assert together.targets["dot"].tally().tolist() == [[3]]


def test_scores_by_hand() -> None:
    answers, truth = [[2.5, 0], [4, 3]], [[2, 1], [6, 3]]
    scores = counting(answers, truth, ("a", "b"), loss=0.25)
    assert scores.mae == pytest.approx((1.5 + 2) / 2)
    assert scores.rmse == pytest.approx(((0.25 + 1 + 4) / 2) ** 0.5)
    assert scores.relative_error == pytest.approx(3.5 / 12)
    first, second = scores.per_class
    assert (first.things, first.mae, first.bias) == (8, 1.25, -0.75)
    assert second.relative_error == pytest.approx(1 / 4)
    rule = mean_count([[1, 1], [3, 1]], truth, ("a", "b"))
    assert rule.score("mae").value == pytest.approx((0 + 0 + 4 + 2) / 2)


def test_nothing_to_count_has_no_relative_error() -> None:
    scores = counting([[0.5], [0]], [[0], [0]], ("a",))
    assert scores.relative_error is None
    assert [score.name for score in scores.all] == ["mae", "rmse"]


def test_images_without_any_dot_are_refused() -> None:
    with pytest.raises(DataError, match="nothing to count"):
        Count.check_trainable({"dot": Dots.of([np.zeros((0, 2))])}, "nothing", "here")

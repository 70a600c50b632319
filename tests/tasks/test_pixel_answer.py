"""A pixel that is asked about: what is told there is what the whole answer has there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.maps import IGNORED
from vitreous.tasks import TASKS
from vitreous.tasks.pixel_answer import UNSEEN, place_of

WINDOW = (24, 32)
FITS = ("pad", "crop", "squash")
PICTURES = [(24, 32), (48, 64), (13, 40), (90, 50), (7, 9)]  # height and width


def framed(fit, picture):
    return PixelContract(height=24, width=32, channels=1, fit=fit).frame(*picture)


def random_outputs(channels, stride=1, seed=0):
    shape = 1, channels, -(-WINDOW[0] // stride), -(-WINDOW[1] // stride)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pixels(picture):
    return [(x, y) for y in range(picture[0]) for x in range(picture[1])]


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("fit", FITS)
def test_the_likeliest_class_of_each_pixel_is_that_of_the_mask(fit, picture):
    task = TASKS["segment"](classes=("sky", "tree", "road"))
    frame, outputs = framed(fit, picture), random_outputs(3)
    (mask,) = task.decode(outputs, [frame])
    unseen = 0
    for x, y in pixels(picture):
        told = task.at_pixel(outputs, mask, frame, x, y)
        if mask.labels[y, x] == IGNORED:
            assert told is UNSEEN
            unseen += 1
            continue
        assert told.rows[0][0] == task.classes[mask.labels[y, x]]
        assert sum(share for _, share, _ in told.rows) == pytest.approx(1)
    assert (unseen > 0) == (fit == "crop" and picture in ((13, 40), (90, 50)))


@pytest.mark.parametrize("picture", [(24, 32), (13, 40), (7, 9), (48, 64)])
@pytest.mark.parametrize("fit", FITS)
def test_a_planted_pixel_is_where_the_network_sees_it(fit, picture):
    contract = PixelContract(height=24, width=32, channels=1, fit=fit)
    frame, outputs = contract.frame(*picture), random_outputs(1)
    for x, y in [(0, 0), (picture[1] // 2, picture[0] // 3), (picture[1] - 1, picture[0] - 1)]:
        image = np.zeros((*picture, 1), np.uint8)
        image[y, x] = 255
        row = contract.row(image)[..., 0]
        place = place_of(frame, x, y, outputs)
        if place is None:
            assert not row.any()
        else:
            assert row[place] == row.max() > 0


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("stride", [1, 4])
def test_a_pixel_belongs_to_the_square_of_the_map_that_it_lies_in(fit, picture, stride):
    frame, outputs = framed(fit, picture), random_outputs(1, stride)
    for x, y in pixels(picture):
        across, down = frame.points([x, y])
        place = place_of(frame, x, y, outputs, stride)
        inside = -0.5 <= across < WINDOW[1] - 0.5 and -0.5 <= down < WINDOW[0] - 0.5
        edges = np.array([across + 0.5, down + 0.5])
        if (np.abs(edges - edges.round()) < 1e-5).any():
            continue
        assert (place is not None) == inside
        if place is not None:
            for at, found in zip((down, across), place, strict=True):
                assert found * stride <= at + 0.5 < (found + 1) * stride


@pytest.mark.parametrize("picture", [(24, 32), (48, 64), (96, 100)])
def test_a_thing_is_told_of_where_its_middle_is(picture):
    task = TASKS["detect"](classes=("red", "blue"), thresholds=(0.3, 0.3)).within(*WINDOW)
    frame = framed("pad", picture)
    outputs = torch.zeros(1, 6, 6, 8)
    outputs[0, 1, 2, 5] = 4.0
    outputs[0, 2:, 2, 5] = torch.tensor([-1.5, -2.0, -1.0, -1.2])
    (answer,) = task.decode(outputs, [frame])
    assert len(answer) == 1
    x, y = (round(float(at)) for at in frame.inverse.points([5 * 4 + 1.5, 2 * 4 + 1.5]))
    told = task.at_pixel(outputs, answer, frame, x, y)
    assert told.place == (2, 5)
    assert told.rows[0][0] == "blue"
    assert told.rows[0][1] == pytest.approx(answer.scores[0])
    assert told.box == pytest.approx(answer.boxes[0])
    elsewhere = task.at_pixel(outputs, answer, frame, x // 3, y)
    assert elsewhere.rows[0][1] < 0.2


@pytest.mark.parametrize("picture", [(24, 32), (48, 64), (96, 100)])
def test_a_point_is_likely_where_it_is_answered(picture):
    task = TASKS["keypoints"](points=("nose", "tail")).within(*WINDOW)
    frame, outputs = framed("pad", picture), torch.zeros(1, 2, *WINDOW)
    outputs[0, 0, 5, 20], outputs[0, 1, 17, 3] = 20.0, 20.0
    (answer,) = task.decode(outputs, [frame])
    for number, name in enumerate(task.points):
        x, y = answer.places[number, :2]
        told = task.at_pixel(outputs, answer, frame, round(x), round(y))
        assert told.place == ((5, 20), (17, 3))[number]
        assert told.rows[0][0] == name
        assert told.rows[0][1] == pytest.approx(1, abs=1e-4)
        assert told.rows[1][1] < 1e-4
    vector = TASKS["keypoints"](points=("nose",), criterion="huber").within(*WINDOW)
    numbers = torch.zeros(1, 2)
    (middle,) = vector.decode(numbers, [frame])
    assert vector.at_pixel(numbers, middle, frame, 3, 3) is None


@pytest.mark.parametrize("picture", [(24, 32), (48, 64), (96, 100)])
def test_the_box_of_its_middle_is_the_box(picture):
    task = TASKS["locate"](classes=("red", "blue")).within(*WINDOW)
    frame, outputs = framed("pad", picture), torch.zeros(1, 7, *WINDOW)
    outputs[0, 2, 11, 19] = 40.0
    outputs[0, 3:] = torch.tensor([0.05, -0.1, -0.8, -1.2])[:, None, None]
    (answer,) = task.decode(outputs, [frame])
    x, y = (round(float(at)) for at in frame.inverse.points([19, 11]))
    told = task.at_pixel(outputs, answer, frame, x, y)
    assert told.rows[0][1] == pytest.approx(1, abs=1e-6)
    assert told.box == pytest.approx(answer.box, abs=1e-3)


@pytest.mark.parametrize("picture", [(24, 32), (48, 64), (13, 40)])
def test_what_pixels_tell_adds_up_to_the_counts(picture):
    task = TASKS["count"](classes=("cat", "dog")).within(*WINDOW)
    frame = framed("squash", picture)
    outputs = random_outputs(2).abs()
    (answer,) = task.decode(outputs, [frame])
    found = [task.at_pixel(outputs, answer, frame, x, y).rows for x, y in pixels(picture)]
    total = sum(number for rows in found for _, number, _ in rows)
    assert total == pytest.approx(sum(answer.counts), rel=1e-4)
    x, y = 3, 2
    told = task.at_pixel(outputs, answer, frame, x, y)
    assert sum(number for _, number, _ in told.rows) == pytest.approx(float(answer.density[y, x]))


@pytest.mark.parametrize("fit", FITS)
def test_depth_and_picture_are_those_of_the_answer(fit):
    frame = framed(fit, (40, 30))
    depth = TASKS["depth"](center=1.0, scale=0.5, farthest=30.0)
    denoise = TASKS["denoise"](channels=3)
    near, clean = random_outputs(1), random_outputs(3).sigmoid()
    (far,), (restored,) = depth.decode(near, [frame]), denoise.decode(clean, [frame])
    for x, y in [(0, 0), (12, 20), (29, 39)]:
        told = depth.at_pixel(near, far, frame, x, y)
        colors = denoise.at_pixel(clean, restored, frame, x, y)
        if not np.isfinite(far.depth[y, x]):
            assert told is colors is UNSEEN
            continue
        assert told.rows[0][1] == far.depth[y, x]
        assert [level for _, level, _ in colors.rows] == restored.pixels[y, x].tolist()
        assert [name for name, _, _ in colors.rows] == ["red", "green", "blue"]


def test_answers_of_the_image_as_a_whole_tell_nothing_of_a_pixel():
    frame = framed("crop", (24, 32))
    for name in ("classify", "label"):
        task = TASKS[name](classes=("a", "b"))
        assert task.at_pixel(torch.zeros(1, 2), None, frame, 1, 1) is None

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.augment.erase import boxes, erase_images, erase_rows, inside_boxes


def sample(count=5000, size=(24, 40), area=0.2):
    random = np.random.default_rng(0)
    aspect = 3 ** random.uniform(-1, 1, count)
    places = random.uniform(size=(2, count))
    return boxes(np.full(count, area), aspect, *places, size)


def test_boxes_lie_inside_and_have_their_area():
    left, top, right, bottom = sample().T
    assert left.min() == 0
    assert top.min() == 0
    assert right.max() == 40
    assert bottom.max() == 24
    areas = (right - left) * (bottom - top) / (24 * 40)
    assert areas.mean() == pytest.approx(0.2, rel=0.02)
    np.testing.assert_allclose(areas, 0.2, rtol=0.35)  # sides are whole pixels and fit


def test_aspect_is_height_over_width():
    (box,) = boxes(*np.array([[0.25], [4.0], [0.5], [0.5]]), (40, 40))
    np.testing.assert_array_equal(box, [15, 0, 25, 40])


def test_boxes_of_no_area_erase_nothing():
    rows = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), np.uint8)
    empty = boxes(np.zeros(4), np.ones(4), np.full(4, 0.9), np.full(4, 0.9), (6, 6))
    before = rows.copy()
    erase_rows(rows, empty, np.ones(4))
    np.testing.assert_array_equal(rows, before)
    assert not inside_boxes(empty, (6, 6), torch.device("cpu")).any()


def test_a_box_of_all_area_erases_everything():
    box = boxes(*np.array([[1.0], [5 / 9], [0.3], [0.7]]), (5, 9))
    np.testing.assert_array_equal(box, [[0, 0, 9, 5]])


def test_rows_and_images_are_erased_alike():
    rows = np.random.default_rng(0).integers(0, 256, (50, 24, 40, 3), np.uint8)
    before = rows.copy()
    where, grays = sample(50), np.linspace(0, 1, 50)
    erase_rows(rows, where, grays)
    images = torch.from_numpy(before).permute(0, 3, 1, 2).double() / 255
    by_torch = erase_images(images, where, grays).permute(0, 2, 3, 1) * 255
    np.testing.assert_allclose(rows, by_torch.numpy(), atol=0.5)
    inside = inside_boxes(where, (24, 40), torch.device("cpu")).numpy()
    assert np.all((rows == before)[~inside])
    assert inside.mean() == pytest.approx(0.2, rel=0.1)

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from vitreous.data.images.frame import Frame, clipped, move_boxes, move_points, sample_map
from vitreous.errors import ShapeError, UsageError

sides = st.integers(1, 40)
often = settings(deadline=None, derandomize=True, max_examples=100)


def turn(degrees, size=(30, 40)):
    """About the center of a window, with a shift, a shear and a little perspective."""
    angle = np.deg2rad(degrees)
    linear = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle) + 0.2]]
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    center = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    matrix[:2, 2] = center - linear @ center + [1.3, -2.1]
    matrix[2] = 0.001, -0.002, 1
    return matrix


def coordinates(height, width):
    """(h, w, 2) the x and y of every pixel."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y], axis=-1)


def test_identity_changes_nothing():
    frame = Frame.identity((7, 5))
    array = np.random.default_rng(0).integers(0, 9, (7, 5, 2))
    np.testing.assert_array_equal(frame.map(array, nearest=True, fill=-1), array)
    floats = array.astype(np.float32)
    np.testing.assert_array_equal(frame.map(floats, nearest=False, fill=-1), floats)
    np.testing.assert_array_equal(frame.points([[1, 2.5]]), [[1, 2.5]])
    np.testing.assert_array_equal(frame.boxes([[0, 0, 5, 7]]), [[0, 0, 5, 7]])


@often
@given(sides, sides, sides, sides)
def test_a_resized_crop_fills_its_window(h, w, height, width):
    """Edges of the box become edges of the window; centers of pixels are half a pixel inside."""
    box = (-1.5, 2, w + 0.25, h + 3)
    frame = Frame.resized_crop((h, w), (height, width), box)
    np.testing.assert_allclose(frame.boxes([box]), [[0, 0, width, height]], atol=1e-9)
    place = frame.inverse.points([0, 0])
    expected = box[0] + (w + 1.75) / width / 2 - 0.5, box[1] + (h + 1) / height / 2 - 0.5
    np.testing.assert_allclose(place, expected, atol=1e-9)


def test_frames_follow_each_other_and_come_back():
    first = Frame.resized_crop((50, 40), (30, 40), (3, 5, 30, 45))
    second = Frame(turn(25), (30, 40), (20, 25))
    both = first.then(second)
    assert (both.source, both.size) == ((50, 40), (20, 25))
    points = np.random.default_rng(0).uniform(0, 40, (4, 6, 2))
    np.testing.assert_allclose(both.points(points), second.points(first.points(points)))
    assert (both.inverse.source, both.inverse.size) == (both.size, both.source)
    np.testing.assert_allclose(both.inverse.points(both.points(points)), points, atol=1e-9)
    with pytest.raises(ShapeError, match=r"\(50, 40\) behind a window of \(30, 40\)"):
        first.then(first)


@often
@given(st.integers(0, 359), st.booleans(), st.integers(1, 3))
def test_maps_agree_with_an_independent_sampler(degrees, nearest, channels):
    """scipy's, for places inside; outside is `fill`."""
    matrix, size = turn(degrees), (25, 35)
    array = np.random.default_rng(degrees).uniform(1, 2, (30, 40, channels))
    found = sample_map(array, matrix, size, nearest=nearest, fill=-1)
    x, y = np.moveaxis(move_points(coordinates(*size).reshape(-1, 2), matrix), -1, 0)
    for channel in range(channels):
        # mode "nearest" repeats the outer pixels, which `fill` replaces beyond their edges
        expected = ndimage.map_coordinates(
            array[..., channel], [y, x], order=0 if nearest else 1, mode="nearest"
        )
        outside = (x < -0.5) | (x >= 39.5) | (y < -0.5) | (y >= 29.5)
        expected[outside] = -1
        np.testing.assert_allclose(found[..., channel].ravel(), expected, atol=1e-9)
    assert -1 in found
    one = sample_map(array[..., 0], matrix, size, nearest=nearest, fill=-1)
    np.testing.assert_array_equal(one, found[..., 0])


@often
@given(sides, sides, sides, sides)
def test_upright_maps_are_those_of_the_general_case(h, w, height, width):
    """Where nothing is turned lines and columns are looked up apart: the same to the last bit of a
    float, and the same pixels."""
    frame = Frame.resized_crop((h, w), (height, width), (-2, 1, w - 0.3, h + 1))
    upright = frame.inverse.matrix
    general = upright.copy()
    general[0, 1] = general[1, 0] = general[2, 0] = 1e-13
    array = np.arange(h * w).reshape(h, w)
    np.testing.assert_array_equal(
        sample_map(array, upright, (height, width), nearest=True, fill=-7),
        sample_map(array, general, (height, width), nearest=True, fill=-7),
    )
    np.testing.assert_allclose(
        sample_map(array * 1.0, upright, (height, width), nearest=False, fill=-7),
        sample_map(array * 1.0, general, (height, width), nearest=False, fill=-7),
        atol=1e-8,
    )


def test_linear_maps_are_resized_as_images_are():
    """OpenCV repeats the border as well."""
    array = np.random.default_rng(0).uniform(0, 1, (13, 17, 3)).astype(np.float32)
    frame = Frame.resized_crop((13, 17), (40, 30), (0, 0, 17, 13))
    expected = cv2.resize(array, (30, 40), interpolation=cv2.INTER_LINEAR)
    found = frame.map(array, nearest=False, fill=np.nan)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_place_on_an_edge_belongs_to_the_second_pixel():
    halved = Frame.resized_crop((1, 6), (1, 3), (0, 0, 6, 1))
    np.testing.assert_array_equal(halved.map(np.arange(6)[None], nearest=True, fill=9), [[1, 3, 5]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.bool_, np.uint16])
def test_a_map_keeps_its_type(dtype):
    array = np.ones((4, 4), dtype)
    frame = Frame.resized_crop((4, 4), (6, 6), (-1, -1, 5, 5))
    mapped = frame.map(array, nearest=True, fill=0)
    assert mapped.dtype == dtype
    assert mapped.sum() == 16


def test_missing_values_stay_where_they_are():
    """Depths that are not a number or infinite do not spread to their neighbors' centers."""
    array = np.ones((3, 4), np.float32)
    array[1, 1], array[1, 2] = np.nan, np.inf
    same = Frame.identity((3, 4)).map(array, nearest=False, fill=0)
    np.testing.assert_array_equal(same, array)
    between = Frame.resized_crop((3, 4), (3, 8), (0, 0, 4, 3)).map(array, nearest=False, fill=0)
    assert np.isfinite(between[0]).all()
    assert not np.isfinite(between[1, 2:6]).any()


def test_what_a_map_cannot_hold_is_refused():
    frame = Frame.identity((4, 4))
    with pytest.raises(UsageError, match="-1 is no value of a map of uint8"):
        frame.map(np.zeros((4, 4), np.uint8), nearest=True, fill=-1)
    for fill in (256, 0.5, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="is no value"):
            frame.map(np.zeros((4, 4), np.uint8), nearest=True, fill=fill)
    with pytest.raises(UsageError, match="int64 cannot be interpolated"):
        frame.map(np.zeros((4, 4), np.int64), nearest=False, fill=0)
    with pytest.raises(ShapeError, match=r"\(4, 5\) for an image of \(4, 4\)"):
        frame.map(np.zeros((4, 5)), nearest=True, fill=0)


@often
@given(st.integers(0, 359), st.integers(0, 1000))
def test_boxes_are_hulls_of_all_they_hold(degrees, seed):
    random = np.random.default_rng(seed)
    boxes = np.sort(random.uniform(0, 40, (5, 2, 2)), axis=1).reshape(5, 4)
    moved = move_boxes(boxes, turn(degrees))
    for box, hull in zip(boxes, moved, strict=True):
        share = np.linspace(0, 1, 30)
        x, y = (box[i] + share * (box[i + 2] - box[i]) - 0.5 for i in (0, 1))
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        places = move_points(grid, turn(degrees)) + 0.5
        np.testing.assert_allclose(places.min(0), hull[:2], atol=1e-9)
        np.testing.assert_allclose(places.max(0), hull[2:], atol=1e-9)


def test_the_part_of_a_box_beyond_the_horizon_is_left_out():
    matrix = np.eye(3)
    matrix[2, 0] = -0.1  # depth is 0 at x = 10
    boxes = np.array([[2.5, 0.5, 20.5, 1.5], [15, 0, 20, 5], [2.5, 0.5, 4.5, 1.5]])
    reaching, hidden, seen = move_boxes(boxes, matrix)
    assert reaching[0] == pytest.approx(2 / 0.8 + 0.5)
    assert reaching[2] > 1000  # it never ends; the division would have mirrored it to the left
    assert np.isnan(hidden).all()
    np.testing.assert_allclose(seen, [2 / 0.8 + 0.5, 0.5, 4 / 0.6 + 0.5, 1 / 0.6 + 0.5])
    inside, kept = clipped(np.stack([reaching, hidden, seen]), (10, 30))
    assert kept.tolist() == [True, False, True]
    assert inside[0, 2] == 30


def test_clipping_drops_what_is_left_too_small():
    boxes = np.array([[-3, -2, 4, 5], [8.5, 0, 20, 3], [9.5, 0, 20, 3], [12, 0, 20, 3.0]])
    inside, kept = clipped(boxes, (10, 10))
    np.testing.assert_array_equal(inside, [[0, 0, 4, 5], [8.5, 0, 10, 3]])
    assert kept.tolist() == [True, True, False, False]
    assert clipped(boxes, (10, 10), least=0.5)[1].tolist() == [True, True, True, False]
    nothing, kept = clipped(Frame.identity((4, 4)).boxes([]), (4, 4))
    assert nothing.shape == (0, 4)
    assert kept.shape == (0,)


@pytest.mark.parametrize("size", [(6, 8), (9, 13), (30, 31), (40, 70)])
def test_one_pixel_of_a_map_is_what_the_map_has_there(size):
    """Enlarged, and shrunk so far that blocks are averaged; inside and outside of the window."""
    array = np.random.default_rng(0).normal(size=(*size, 2)).astype(np.float32)
    for box in ((0, 0, size[1], size[0]), (-3, 2, size[1] + 3, size[0] - 1)):
        frame = Frame.resized_crop(size, (11, 14), box)
        whole = frame.map(array, nearest=False, fill=-np.inf)
        for y, x in np.ndindex(11, 14):
            found = frame.at(array, x, y, fill=-np.inf)
            np.testing.assert_allclose(found, whole[y, x], rtol=1e-5, atol=1e-5)
            assert frame.at(array[..., 1], x, y, fill=0) == pytest.approx(
                frame.map(array[..., 1], nearest=False, fill=0)[y, x], abs=1e-5
            )

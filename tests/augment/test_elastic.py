from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from vitreous.augment import Augment
from vitreous.augment.elastic import GRID, displacement
from vitreous.augment.sample import SLOTS
from vitreous.data.batches.counter_random import uniforms
from vitreous.errors import UsageError

SIZE = (64, 80)


def sampled(policy: Augment, count: int = 4, size=SIZE, channels: int = 3):
    numbers = uniforms(0, 0, np.arange(count), policy.num_uniforms)
    return policy.sample(numbers, (*size, channels), size)


def smooth(count: int, size=SIZE, channels: int = 3) -> np.ndarray:
    """Images without steep edges: interpolation is compared, not taste."""
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (count, 6, 7, channels)).astype(np.uint8)
    large = [cv2.resize(one, size[::-1], interpolation=cv2.INTER_CUBIC) for one in small]
    return np.stack(large).reshape(count, *size, channels)


def test_the_field_at_its_own_points_and_its_size():
    field = np.zeros((GRID, GRID, 2))
    field[1, 1] = 3, -2
    d = displacement(field, (9 * GRID, 9 * GRID))
    np.testing.assert_allclose(d[13, 13], [3, -2], atol=1e-6)  # the center of the middle cell
    np.testing.assert_allclose(d[4, 4], 0, atol=1e-6)
    constant = displacement(np.full((GRID, GRID, 2), 1.5), SIZE)
    np.testing.assert_allclose(constant, 1.5, atol=1e-6)


def test_normal_numbers_of_the_deviation_that_was_asked_for():
    bends = sampled(Augment(elastic=0.05), 2000).bends
    assert bends.shape == (2000, GRID, GRID, 2)
    assert bends.std() == pytest.approx(0.05 * 64, rel=0.02)
    assert abs(bends.mean()) < 0.05
    assert np.mean(np.abs(bends) < 0.05 * 64) == pytest.approx(0.683, abs=0.01)


def test_at_zero_it_is_not_there():
    policy = Augment(flip=0.5)
    assert policy.num_uniforms == len(SLOTS)
    assert sampled(policy).bends is None
    assert Augment().is_identity
    assert not Augment(elastic=0.01).is_identity
    rows = smooth(4)
    change = sampled(Augment(elastic=0.01))
    still = dataclasses.replace(change, bends=np.zeros_like(change.bends))
    np.testing.assert_array_equal(still.rows(rows.copy()), rows)


@pytest.mark.parametrize("border", ["reflect", "edge", "zero"])
@pytest.mark.parametrize("more", [{}, {"rotate": 30, "crop": 0.5, "flip": 0.5}])
def test_opencv_and_torch_bend_alike(border, more):
    rows = smooth(4)
    change = sampled(Augment(elastic=0.05, border=border, **more))
    bent = change.rows(rows.copy()).astype(float)
    images = torch.from_numpy(rows).movedim(-1, 1).float() / 255
    other = 255 * change.images(images).movedim(1, -1).numpy()
    assert np.abs(bent - rows).mean() > 2
    assert np.quantile(np.abs(bent - other), 0.99) < 2


@pytest.mark.parametrize("more", [{}, {"rotate": 30, "crop": 0.5, "flip": 0.5}])
def test_masks_lie_on_what_they_mark(more):
    """An image that is white where its mask is 1 stays so, within the pixels of the edge."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    masks = np.stack([np.hypot(x - 40, y - 30) < r for r in (8, 14, 20, 26)]).astype(np.uint8)
    change = sampled(Augment(elastic=0.05, border="edge", **more))
    bent = change.rows(np.repeat(255 * masks[..., None], 3, axis=3))[..., 0]
    moved = change.maps(masks, nearest=True, fill=255)
    known = moved < 255
    assert ((bent > 127) == (moved == 1))[known].mean() > 0.99
    heights = change.maps(masks.astype(np.float32), nearest=False, fill=np.nan)
    inner = np.isfinite(heights)
    assert np.quantile(np.abs(255 * heights - bent)[inner], 0.99) < 8


@pytest.mark.parametrize("more", [{}, {"rotate": 30, "scale": 0.2, "flip": 0.5}])
def test_points_go_where_their_pixels_go(more):
    points = np.array([[[20.0, 30.0], [50.5, 20.25], [40.0, 50.0]]] * 4)
    change = sampled(Augment(elastic=0.03, **more))
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    moved = change.points(points)
    place = np.stack([x, y], axis=-1)[None].repeat(4, 0)
    source = change.maps(place, nearest=False, fill=np.nan)  # where each pixel comes from
    for index, (own, found) in enumerate(zip(points, moved, strict=True)):
        for wanted, (px, py) in zip(own, found, strict=True):
            if 1 <= px < SIZE[1] - 2 and 1 <= py < SIZE[0] - 2:
                axes = (np.ascontiguousarray(source[index, ..., k]) for k in (0, 1))
                at = [cv2.getRectSubPix(axis, (1, 1), (px, py))[0, 0] for axis in axes]
                np.testing.assert_allclose(at, wanted, atol=0.1)
    assert change.points(np.zeros((4, 0, 2))).shape == (4, 0, 2)


def test_boxes_hold_what_they_held():
    masks = np.zeros((4, *SIZE), np.uint8)
    masks[:, 20:40, 30:60] = 1
    change = sampled(Augment(elastic=0.02))
    boxes = change.boxes([np.array([[30.0, 20, 60, 40]])] * 3 + [np.zeros((0, 4))])
    assert boxes[3].shape == (0, 4)
    for mask, box in zip(change.maps(masks, nearest=True, fill=255), boxes[:3], strict=False):
        y, x = np.nonzero(mask == 1)
        expected = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        np.testing.assert_allclose(box[0], expected, atol=1.5)


def test_it_is_no_kind_that_is_chosen_or_blended():
    for other in ({"num_ops": 2}, {"num_chains": 3}):
        with pytest.raises(UsageError, match="bending is not one of the kinds"):
            Augment(elastic=0.1, **other)
    assert "bending 2 %" in Augment(elastic=0.02).describe()

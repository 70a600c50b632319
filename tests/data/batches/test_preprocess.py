from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from vitreous.data.batches.preprocess import PixelContract, center, resize
from vitreous.data.images.decode import decode
from vitreous.errors import ImageError, ModelFileError, ShapeError

FITS = ("crop", "squash", "pad")
sides = st.integers(1, 70)
large = st.integers(20, 120)
small = st.integers(2, 70)  # more levels than pixels: a gray level tells a place
often = settings(deadline=None, derandomize=True, max_examples=150)


def noise(height, width, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


@often
@given(sides, sides, sides, sides, st.sampled_from([1, 2, 3, 4, 5, 6]), st.sampled_from(FITS))
def test_any_size_becomes_exactly_the_contract_size(h, w, height, width, channels, fit):
    contract = PixelContract(height=height, width=width, channels=channels, fit=fit)
    row = contract.row(noise(h, w, channels))
    assert row.shape == contract.shape
    assert row.dtype == np.uint8
    assert row.flags.c_contiguous


@pytest.mark.parametrize("fit", FITS)
def test_the_right_size_is_left_alone(fit):
    image = noise(20, 30, 3)
    assert PixelContract(height=20, width=30, channels=3, fit=fit).row(image) is image


def test_crop_keeps_the_center_and_the_aspect():
    """A circle in the middle of a wide image stays a circle and loses nothing."""
    wide = np.zeros((100, 300, 1), np.uint8)
    cv2.circle(wide, (150, 50), 40, 255, -1)
    row = PixelContract(height=50, width=50, channels=1, fit="crop").row(wide)[..., 0] / 255
    assert row.sum() == pytest.approx(np.pi * 20**2, rel=0.02)
    np.testing.assert_allclose(row.sum(0), row.sum(1), atol=1)


def test_crop_is_exact_where_no_resizing_is_needed():
    image = noise(20, 36, 3)
    row = PixelContract(height=20, width=20, channels=3, fit="crop").row(image)
    np.testing.assert_array_equal(row, image[:, 8:28])


def test_pad_keeps_everything_between_black_borders():
    image = np.full((20, 40, 3), 200, np.uint8)
    row = PixelContract(height=32, width=32, channels=3, fit="pad").row(image)
    assert np.all(row[8:24] == 200)
    assert not row[:8].any()
    assert not row[24:].any()


def test_squash_averages_areas():
    image = noise(40, 60, 3)
    row = PixelContract(height=20, width=20, channels=3, fit="squash").row(image)
    means = image.reshape(20, 2, 20, 3, 3).mean((1, 3))
    np.testing.assert_allclose(row, means, atol=0.5001)


def places(height, width):
    """(h, w, 2) x and y of all pixels."""
    return np.stack(np.meshgrid(range(width), range(height)), axis=-1)


def edges_away(points, height, width):
    """(..., 2) how far, along each axis, points are inside of the centers of the outer pixels."""
    return np.minimum(points, np.array([width - 1, height - 1]) - points)


@often
@given(small, small, small, small, st.sampled_from(FITS))
def test_frames_tell_where_row_puts_pixels(h, w, height, width, fit):
    """Of an image whose gray levels are places, each pixel of the row tells where it is from:
    blocks and lines between pixels are exact on a ramp, but for its ends; OpenCV's cubes bend it
    by a twentieth of a pixel."""
    contract = PixelContract(height=height, width=width, channels=2, fit=fit)
    frame = contract.frame(h, w)
    assert (frame.source, frame.size) == ((h, w), (height, width))
    levels = np.array([255 / (w - 1), 255 / (h - 1)])
    row = contract.row(np.rint(places(h, w) * levels).astype(np.uint8))
    there = frame.inverse.points(places(height, width))
    scale = frame.matrix[[0, 1], [0, 1]]
    reach = 1.5 + 1 / np.minimum(scale, 1)  # pixels of the image that one of the row looks at
    inside = np.all(edges_away(there, h, w) >= reach, axis=-1)
    inside &= np.all(edges_away(places(height, width), height, width) >= reach * scale, axis=-1)
    event(f"{fit}: {'some' if inside.any() else 'no'} pixels")
    bent = 0.06 if np.any(scale > 1) else 0
    assert np.all(np.abs(row / levels - there)[inside] < 1.7 / levels + bent)  # rounded thrice
    outside = np.any(edges_away(there, h, w) < -0.5 - 1e-9, axis=-1)
    assert not row[outside].any()
    assert fit == "pad" or not outside.any()


@often
@given(large, large, sides, sides, st.sampled_from(FITS), st.integers(0, 1 << 20))
def test_frames_tell_where_a_bright_spot_goes(h, w, height, width, fit, seed):
    contract = PixelContract(height=height, width=width, channels=1, fit=fit)
    frame = contract.frame(h, w)
    scale = frame.matrix[[0, 1], [0, 1]]
    spread = 1.2 / np.minimum(scale, 1)  # wide enough not to fall between what is looked at
    place = np.random.default_rng(seed).uniform(0.3, 0.7, 2) * [w - 1, h - 1]
    spot = np.exp(-0.5 * (((places(h, w) - place) / spread) ** 2).sum(axis=-1))
    row = contract.row(np.rint(255 * spot).astype(np.uint8)[..., None])[..., 0]
    expected, room = frame.points(place), 3.5 * spread
    seen = np.all(edges_away(place, h, w) >= room)
    if seen and np.all(edges_away(expected, height, width) >= room * scale):
        event(f"{fit}: in sight")
        down, across = ndimage.center_of_mass(row.astype(float))
        np.testing.assert_allclose([across, down], expected, atol=0.25)


@often
@given(sides, sides, sides, sides, st.sampled_from(FITS), st.integers(0, 1 << 20))
def test_boxes_and_maps_come_back(h, w, height, width, fit, seed):
    frame = PixelContract(height=height, width=width, channels=1, fit=fit).frame(h, w)
    boxes = np.sort(np.random.default_rng(seed).uniform(-5, 75, (6, 2, 2)), axis=1).reshape(6, 4)
    np.testing.assert_allclose(frame.inverse.boxes(frame.boxes(boxes)), boxes, atol=1e-7)
    # Numbers of pixels there and back: each comes from as near as the window's pixels allow.
    window = frame.map(np.arange(h * w).reshape(h, w), nearest=True, fill=-1)
    back = frame.inverse.map(window, nearest=True, fill=-1)
    assert back.shape == (h, w)
    y, x = np.divmod(back, w)
    away = np.abs(np.stack([x, y], axis=-1) - places(h, w))
    assert np.all(away[back >= 0] <= 0.5 + 0.5 / frame.matrix[[0, 1], [0, 1]] + 1e-5)
    if np.all(frame.matrix[[0, 1], [0, 1]] == 1):
        inside = np.all(edges_away(frame.points(places(h, w)), height, width) >= 0, axis=-1)
        np.testing.assert_array_equal(back[inside], np.arange(h * w).reshape(h, w)[inside])
        assert (back[~inside] == -1).all()


@often
@given(sides, sides, sides, sides, st.sampled_from(FITS))
def test_a_map_of_numbers_is_its_nearest_sample(h, w, height, width, fit):
    frame = PixelContract(height=height, width=width, channels=1, fit=fit).frame(h, w)
    window = frame.map(np.arange(h * w).reshape(h, w), nearest=True, fill=-1)
    assert window.shape == (height, width)
    place = frame.inverse.points(places(height, width))
    y, x = np.divmod(window, w)
    away = np.abs(np.stack([x, y], axis=-1) - place).max(axis=-1)
    assert np.all(away[window >= 0] <= 0.5 + 1e-5)
    inside = edges_away(place, h, w).min(axis=-1)
    assert np.all(inside[window < 0] < -0.5 + 1e-5)
    assert fit == "pad" or (window >= 0).all()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("flip", [0, 1])
def test_a_map_lies_where_its_image_does(fit, flip):
    """The same blot as an image and as a mask, odd sizes throughout."""
    blot = np.zeros((97, 143), np.uint8)
    cv2.circle(blot, (71, 48), 23, 255, -1)
    blot = np.ascontiguousarray(np.flip(blot, flip))
    for size in ((31, 45), (64, 64), (200, 150), (97, 143), (13, 90)):
        contract = PixelContract(height=size[0], width=size[1], channels=1, fit=fit)
        row = contract.row(blot[..., None])[..., 0]
        mask = contract.frame(97, 143).map(blot, nearest=True, fill=0)
        edge = cv2.dilate(mask, np.ones((3, 3))) != cv2.erode(mask, np.ones((3, 3)))
        assert edge.mean() < 0.3
        np.testing.assert_allclose(row[~edge].astype(int), mask[~edge], atol=30)  # cubes overshoot


def test_channels_are_resized_alike_whatever_their_number():
    image = noise(40, 50, 6)
    together = resize(image, 21, 17)
    for channel in range(6):
        np.testing.assert_array_equal(
            together[..., channel], resize(image[..., channel : channel + 1], 21, 17)[..., 0]
        )


@pytest.mark.parametrize("shape", [(1, 60_000), (60_000, 1), (3, 50_000)])
def test_a_long_strip_needs_no_large_memory(shape, monkeypatch):
    """Enlarging the strip first would take 224 × 13 million pixels."""
    sizes = []
    inner = cv2.resize
    monkeypatch.setattr(
        cv2, "resize", lambda image, size, **kw: (sizes.append(size), inner(image, size, **kw))[1]
    )
    contract = PixelContract(height=224, width=224, channels=1, fit="crop")
    assert contract.row(noise(*shape, 1)).shape == contract.shape
    assert sizes == [(224, 224)]


def test_center_pads_and_cuts_each_side_by_itself():
    image = noise(4, 9, 1)
    framed = center(image, 6, 5)
    np.testing.assert_array_equal(framed[1:5], image[:, 2:7])
    assert not framed[[0, 5]].any()


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_images_are_the_rows_over_255(channels):
    contract = PixelContract(height=7, width=5, channels=channels)
    rows = np.stack([noise(7, 5, channels, seed) for seed in range(4)])
    images = contract.images(rows)
    expected = torch.from_numpy(rows).permute(0, 3, 1, 2).to(torch.float32) / 255
    assert torch.equal(images, expected)
    assert images.is_contiguous(memory_format=torch.channels_last)
    tensor = contract.images(torch.from_numpy(rows))
    assert torch.equal(tensor, expected)
    assert tensor.stride() == images.stride()


def test_images_take_read_only_rows_and_leave_them_alone():
    rows = np.stack([noise(7, 5, 1)])
    before = rows.copy()
    rows.flags.writeable = False
    images = PixelContract(height=7, width=5, channels=1).images(rows)
    images.add_(1)
    np.testing.assert_array_equal(rows, before)


def test_wrong_shapes_are_named():
    contract = PixelContract(height=8, width=8, channels=3)
    with pytest.raises(ImageError, match="2 channels where 3 are expected"):
        contract.row(noise(9, 9, 2))
    with pytest.raises(ShapeError, match=r"\(2, 9, 8, 3\)"):
        contract.images(np.zeros((2, 9, 8, 3), np.uint8))
    with pytest.raises(ShapeError):
        contract.images(np.zeros((8, 8, 3), np.uint8))


def test_gray_and_color_convert_into_each_other():
    color, gray = (PixelContract(height=8, width=8, channels=c) for c in (3, 1))
    seen = color.row(noise(8, 8, 1))
    assert seen.shape == (8, 8, 3)
    np.testing.assert_array_equal(gray.row(seen), noise(8, 8, 1))


def test_a_file_gives_the_row_of_its_decoded_image(tmp_path):
    path = tmp_path / "image.npy"
    np.save(path, noise(20, 30, 3))
    contract = PixelContract(height=8, width=8, channels=3)
    np.testing.assert_array_equal(contract.load(path), contract.row(noise(20, 30, 3)))
    np.testing.assert_array_equal(contract.load(path.read_bytes()), contract.load(path))


def test_an_exact_contract_decodes_jpegs_at_full_scale():
    """Otherwise a frame of the size that stands in the file would be off."""
    blot = np.zeros((333, 451, 3), np.uint8)
    cv2.circle(blot, (300, 200), 20, (255, 255, 255), -1)
    data = cv2.imencode(".jpg", blot)[1].tobytes()
    contract = PixelContract(height=32, width=40, channels=1, fit="pad", exact=True)
    assert contract.at_least == 0
    decoded = decode(data, channels=1)
    assert decoded.shape == (333, 451, 1)
    np.testing.assert_array_equal(contract.load(data), contract.row(decoded))
    reduced = replace(contract, exact=False)
    assert not np.array_equal(reduced.load(data), contract.load(data))
    down, across = ndimage.center_of_mass(contract.load(data)[..., 0].astype(float))
    np.testing.assert_allclose(
        contract.frame(333, 451).points([300, 200]), [across, down], atol=0.1
    )


def test_a_contract_survives_json_and_a_false_one_does_not():
    contract = PixelContract(height=8, width=9, channels=3, fit="pad")
    fields = contract.to_json()
    assert PixelContract.from_json(fields) == contract
    assert set(fields) == {"height", "width", "channels", "fit"}  # as in older files
    exact = replace(contract, exact=True)
    assert exact.to_json() == {**fields, "exact": True}
    assert PixelContract.from_json(exact.to_json()) == exact
    for wrong in (
        {**fields, "exact": 1},
        {**fields, "exact": None},
        {**fields, "height": 0},
        {**fields, "height": "8"},
        {**fields, "height": True},
        {**fields, "width": 1 << 20},
        {**fields, "width": 9.0},
        {**fields, "fit": None},
        {**fields, "fit": "stretch"},
        {**fields, "extra": 1},
        {name: value for name, value in fields.items() if name != "fit"},
    ):
        with pytest.raises(ModelFileError):
            PixelContract.from_json(wrong)

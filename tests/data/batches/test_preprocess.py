from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitreous.data.batches.preprocess import PixelContract, center, resize
from vitreous.errors import ImageError, ModelFileError, ShapeError

FITS = ("crop", "squash", "pad")
sides = st.integers(1, 70)


def noise(height, width, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


@settings(deadline=None, derandomize=True, max_examples=150)
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


def test_a_contract_survives_json_and_a_false_one_does_not():
    contract = PixelContract(height=8, width=9, channels=3, fit="pad")
    fields = contract.to_json()
    assert PixelContract.from_json(fields) == contract
    for wrong in (
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

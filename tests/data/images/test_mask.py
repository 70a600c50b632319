from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitreous.data.images.mask import read_mask
from vitreous.errors import ImageError

NUMBERS = np.array([[0, 1, 2], [3, 20, 255]], np.uint8)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "gif", "npy", "pgm"])
def test_numbers_are_read_as_they_are_stored(tmp_path, ending):
    path = tmp_path / f"mask.{ending}"
    if ending == "npy":
        np.save(path, NUMBERS.astype(np.int64))
    else:
        Image.fromarray(NUMBERS).save(path)
    found = read_mask(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, NUMBERS)


def test_of_a_palette_the_position_counts(tmp_path):
    picture = Image.fromarray(NUMBERS, "L").convert("P")
    picture.putdata(NUMBERS.ravel().tolist())
    picture.putpalette([value for n in range(256) for value in (255 - n, n * 7 % 256, 3)])
    picture.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), NUMBERS)
    picture.save(tmp_path / "mask.png", transparency=0)
    np.testing.assert_array_equal(read_mask((tmp_path / "mask.png").read_bytes()), NUMBERS)


def test_of_a_palette_of_grays_the_shade_counts(tmp_path):
    """Each GIF holds only the shades that it shows, in an order of its own."""
    for shown in ([0, 128, 255], [0, 255], [7]):
        values = np.array([shown], np.uint8)
        Image.fromarray(values).save(tmp_path / "mask.gif")
        np.testing.assert_array_equal(read_mask(tmp_path / "mask.gif"), values)


def test_equal_channels_and_deep_or_flat_pixels_are_numbers_too(tmp_path):
    path = tmp_path / "mask.png"
    Image.fromarray(np.repeat(NUMBERS[..., None], 3, axis=2)).save(path)
    np.testing.assert_array_equal(read_mask(path), NUMBERS)
    Image.fromarray(NUMBERS.astype(np.uint16)).save(path)
    np.testing.assert_array_equal(read_mask(path), NUMBERS)
    Image.fromarray(NUMBERS > 1).save(path)  # one bit a pixel
    np.testing.assert_array_equal(read_mask(path), NUMBERS > 1)


@pytest.mark.parametrize(
    ("image", "ending", "message"),
    [
        (np.eye(3, dtype=np.uint8)[None] * 255, "png", "holds colors"),
        (np.full((2, 2, 4), 9, np.uint8), "png", "holds colors"),
        (NUMBERS, "jpg", "is a JPEG"),
        (np.array([[0, 300]], np.uint16), "png", "numbers from 0 to 300"),
        (np.array([[0, 0.5]], np.float32), "tif", "values of type float32"),
    ],
)
def test_what_is_no_mask_is_named(tmp_path, image, ending, message):
    path = tmp_path / f"mask.{ending}"
    Image.fromarray(image).save(path)
    with pytest.raises(ImageError, match=message) as caught:
        read_mask(path)
    assert caught.value.where == str(path)
    assert caught.value.remedy


def test_damaged_files_are_named(tmp_path):
    (tmp_path / "mask.png").write_bytes(b"<html>")
    with pytest.raises(ImageError, match=r"is an HTML|HTML"):
        read_mask(tmp_path / "mask.png")
    np.save(tmp_path / "mask.npy", np.zeros((2, 2, 2, 2), int))
    with pytest.raises(ImageError, match="shape"):
        read_mask(tmp_path / "mask.npy")

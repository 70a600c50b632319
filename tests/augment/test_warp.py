from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from vitreous.augment.warp import (
    centered,
    compose,
    perspective,
    rotate,
    scale,
    shear,
    shift,
    warp_images,
    warp_rows,
)

BORDERS = ("zero", "edge", "reflect")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def moves(count, source, output, seed=0):
    """Strong moves of every kind at once."""
    random = np.random.default_rng(seed)

    def spread(reach):
        return random.uniform(-reach, reach, count)

    steps = compose(
        scale(np.exp(spread(0.4)), np.exp(spread(0.4))),
        perspective(spread(0.3) / output[1], spread(0.3) / output[0]),
        rotate(spread(180)),
        shear(spread(20), spread(20)),
        shift(spread(5), spread(5)),
    )
    return centered(steps, source, output)


def as_images(rows):
    return torch.from_numpy(rows).permute(0, 3, 1, 2).double() / 255


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("channels", [1, 3, 4, 6])
@pytest.mark.parametrize("size", [(24, 31), (40, 20)])
def test_both_executors_agree(border, channels, size):
    """OpenCV rounds to whole gray levels, so half a level is the most they may differ."""
    rows = noise(7, 24, 31, channels)
    matrices = moves(7, (24, 31), size)
    by_opencv = as_images(warp_rows(rows, matrices, size, border=border))
    by_torch = warp_images(as_images(rows), matrices, size, border=border)
    assert by_opencv.shape == (7, channels, *size)
    torch.testing.assert_close(by_opencv, by_torch, rtol=0, atol=0.51 / 255)


@pytest.mark.parametrize("border", ["zero", "edge", "reflect"])
def test_scipy_agrees(border):
    """An independent implementation of interpolation and borders."""
    rows = noise(5, 20, 26, 1)
    matrices = moves(5, (20, 26), (22, 18))
    y, x = np.mgrid[:22, :18]
    mode = {"zero": "grid-constant", "edge": "nearest", "reflect": "mirror"}[border]
    for row, matrix, warped in zip(
        rows, matrices, warp_rows(rows, matrices, (22, 18), border=border), strict=True
    ):
        places = np.einsum("ij,jhw->ihw", matrix, np.stack([x, y, np.ones_like(x)]))
        places = places[1::-1] / places[2]
        expected = ndimage.map_coordinates(row[..., 0].astype(float), places, order=1, mode=mode)
        np.testing.assert_allclose(warped[..., 0], expected, atol=0.51)


@pytest.mark.parametrize("border", BORDERS)
def test_whole_pixels_are_gathered_as_they_would_be_interpolated(border):
    random = np.random.default_rng(1)
    rows = noise(40, 13, 17, 3)
    signs = random.choice([-1.0, 1.0], (2, 40))
    shifts = random.integers(-20, 21, (2, 40))
    matrices = compose(centered(scale(*signs), (13, 17), (13, 17)), shift(*shifts))
    images = warp_images(as_images(rows), matrices, (13, 17), border=border)
    expected = (images * 255).round().permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(warp_rows(rows, matrices, (13, 17), border=border), expected)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_windows_are_resized_by_themselves(border, channels, signs):
    """A crop of whole pixels, mirrored or not: both executors leave what is beside it out."""
    rows = np.full((1, 20, 30, channels), 255, np.uint8)
    rows[:, 4:11, 9:22] = window = noise(1, 7, 13, channels) // 2
    middle = shift((9 + 22 - 30) / 2, (4 + 11 - 20) / 2)
    step = compose(middle, scale(13 / 24 * signs[0], 7 / 16 * signs[1]))
    matrix = centered(step, (20, 30), (16, 24))
    by_opencv = as_images(warp_rows(rows, matrix, (16, 24), border=border))
    by_torch = warp_images(as_images(rows), matrix, (16, 24), border=border)
    alone = torch.nn.functional.interpolate(as_images(window), (16, 24), mode="bilinear")
    alone = alone.flip([axis for axis, sign in zip((3, 2), signs, strict=True) if sign < 0])
    torch.testing.assert_close(by_torch, alone, rtol=0, atol=1e-5)
    # OpenCV's weights of bytes have 11 bits, and it rounds twice.
    torch.testing.assert_close(by_opencv, alone, rtol=0, atol=0.9 / 255)


def test_the_identity_changes_nothing():
    rows = noise(3, 9, 11, 3)
    identity = centered(scale([1, 1, 1], 1), (9, 11), (9, 11))
    np.testing.assert_array_equal(warp_rows(rows, identity, (9, 11)), rows)
    np.testing.assert_array_equal(identity, np.broadcast_to(np.eye(3), (3, 3, 3)))


def test_directions_are_as_documented():
    rows = np.zeros((1, 21, 21, 1), np.uint8)
    rows[0, 10, 16] = 255  # right of the center
    size = (21, 21)

    def brightest(step):
        moves = centered(step, size, size)
        warped = warp_rows(rows, moves, size, border="zero")[0, ..., 0]
        y, x = np.unravel_index(warped.argmax(), warped.shape)
        return x - 10, y - 10

    assert brightest(shift(2, 3)) == (4, -3)
    assert brightest(rotate(90)) == (0, -6)  # up: y points down
    assert brightest(scale(2, 2)) == (3, 0)
    assert brightest(scale(-1, 1)) == (-6, 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (8, 1), (2, 2)])
@pytest.mark.parametrize("border", BORDERS)
def test_the_smallest_images_can_be_moved(shape, border):
    rows = noise(3, *shape, 2)
    for matrices in (
        centered(shift([0, 1, -3], 2), shape, shape),
        centered(rotate([0, 10, 200]), shape, shape),
    ):
        by_opencv = as_images(warp_rows(rows, matrices, shape, border=border))
        by_torch = warp_images(as_images(rows), matrices, shape, border=border)
        torch.testing.assert_close(by_opencv, by_torch, rtol=0, atol=0.51 / 255)

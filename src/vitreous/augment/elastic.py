"""Elastic deformation: pixels of a coarse grid are pulled about, and all between them follow.

    place in the source = H · (p + d(p))      p a pixel of the result, H its homography

d is drawn at few points and interpolated by cubics, so that it is smooth. One map of places moves
the image and what lies over it. Cells bend so, and streets do not.
Ronneberger et al. (2015), "U-Net", arXiv:1505.04597, section 3.1: 3 × 3 points, 10 pixels of 512.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.augment.warp import BORDERS, Border, Matrices, sample_images
from vitreous.shapes import Images

GRID = 3  # points a side
DRAWS = 2 * GRID**2  # uniform numbers that one image takes
ROUNDS = 30  # of the search for a point; each brings it nearer by the steepness of d

Fields: TypeAlias = NDArray[np.float64]  # (B, GRID, GRID, 2): x and y of d, in pixels


def fields(uniforms: NDArray[np.float64], deviation: float, size: tuple[int, int]) -> Fields:
    """Normal displacements from uniforms (B, DRAWS).

    deviation  of each coordinate, as a share of the shorter side
    size       height and width of the result
    """
    pairs = uniforms.reshape(len(uniforms), GRID, GRID, 2)
    radius = np.sqrt(-2 * np.log1p(-pairs[..., 0]))  # Box and Muller (1958)
    angle = 2 * np.pi * pairs[..., 1]
    drawn = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return np.asarray(deviation * min(size) * drawn)


def displacement(field: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """d at every pixel, (H, W, 2), of one image."""
    return np.asarray(cv2.resize(field, size[::-1], interpolation=cv2.INTER_CUBIC), np.float64)


def places(
    homographies: Matrices | None, bends: Fields, size: tuple[int, int]
) -> Iterator[NDArray[np.float64]]:
    """(H, W, 2) x and y in the source of each pixel, image by image."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    for index, field in enumerate(bends):
        bent = np.stack([x, y], axis=-1) + displacement(field, size)
        if homographies is None:
            yield bent
        else:
            yield _through(homographies[index], bent)


def bend_rows(
    rows: NDArray[np.uint8],
    homographies: Matrices | None,
    bends: Fields,
    size: tuple[int, int],
    *,
    border: Border = "reflect",
) -> NDArray[np.uint8]:
    """Rows (B, h, w, C) uint8 to rows (B, *size, C), with OpenCV."""
    bent = np.empty((len(rows), *size, rows.shape[3]), np.uint8)
    for row, place, out in zip(rows, places(homographies, bends, size), bent, strict=True):
        x, y = np.moveaxis(place.astype(np.float32), -1, 0)
        for channel in range(row.shape[2]):
            image = np.ascontiguousarray(row[:, :, channel])
            out[:, :, channel] = cv2.remap(
                image, x, y, cv2.INTER_LINEAR, borderMode=BORDERS[border][0]
            )
    return bent


def bend_images(
    images: Images,
    homographies: Matrices | None,
    bends: Fields,
    size: tuple[int, int],
    *,
    border: Border = "reflect",
) -> Images:
    """Images (B, C, h, w) to images (B, C, *size), with torch, on the device of the images."""
    bent = np.stack([*places(homographies, bends, size)])
    where = torch.from_numpy(bent).to(torch.float32).to(images.device)
    return sample_images(images, where, border)


def bend_points(
    points: NDArray[np.float64],
    homographies: Matrices | None,
    bends: Fields,
    size: tuple[int, int],
) -> NDArray[np.float64]:
    """Points (B, P, 2) of the sources, where the images take them.

    A point p of the result is looked for with H · (p + d(p)) at the given one: p = H⁻¹ q - d(p), a
    few times over. Beyond the image d stays as it is at its border.
    """
    found = np.empty_like(points)
    for index, (own, field) in enumerate(zip(points, bends, strict=True)):
        if homographies is not None:
            own = _through(np.linalg.inv(homographies[index]), own)
        d = displacement(field, size).astype(np.float32)
        guess = own.copy()
        for _ in range(ROUNDS):
            x, y = np.moveaxis(guess.astype(np.float32), -1, 0)
            if not len(own):
                break
            moved = cv2.remap(d, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            guess = own - moved.reshape(own.shape)
        found[index] = guess
    return found


def _through(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    ones = np.ones_like(points[..., :1])
    moved = np.concatenate([points, ones], axis=-1) @ matrix.T
    return np.asarray(moved[..., :2] / moved[..., 2:])

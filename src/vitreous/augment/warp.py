"""Geometry in one resample: every move of an example is one 3 × 3 matrix, carried out once.

A matrix says where in the source a pixel of the output is found, so steps that follow each other
are multiplied in the order in which they are undone. OpenCV carries it out on rows of bytes, torch
on images of any device; both interpolate linearly and agree to less than a gray level. `Changes`
moves maps, points and boxes by the same matrices.

Hartley and Zisserman (2004), "Multiple View Geometry in Computer Vision", section 2.4.
"""

from __future__ import annotations

from functools import reduce
from typing import Literal, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from vitreous.shapes import Images

Matrices: TypeAlias = NDArray[np.float64]  # (B, 3, 3): place in the output to place in the source
Border = Literal["zero", "edge", "reflect"]

SMALL = 1 << 14  # bytes of a row, up to which calling OpenCV takes longer than its work
OUTSIDE = 1 << 24  # pixels: farther than any image reaches, and exact in float32

BORDERS = {  # what lies outside of the source: OpenCV's name and torch's
    "zero": (cv2.BORDER_CONSTANT, "zeros"),
    "edge": (cv2.BORDER_REPLICATE, "border"),
    "reflect": (cv2.BORDER_REFLECT_101, "reflection"),  # the border pixel is not repeated
}


def matrices(*entries: ArrayLike) -> Matrices:
    """Nine numbers or (B,) arrays, row by row, as (B, 3, 3)."""
    columns = [np.asarray(entry, np.float64) for entry in entries]
    count = np.broadcast(*columns).size
    table = np.empty((count, 9))
    for place, column in enumerate(columns):
        table[:, place] = column
    return table.reshape(count, 3, 3)


def shift(x: ArrayLike, y: ArrayLike) -> Matrices:
    """Look x pixels further right and y further down: the image moves left and up."""
    return matrices(1, 0, x, 0, 1, y, 0, 0, 1)


def scale(x: ArrayLike, y: ArrayLike) -> Matrices:
    """Look x times as far from the center: the image shrinks."""
    return matrices(x, 0, 0, 0, y, 0, 0, 0, 1)


def rotate(degrees: ArrayLike) -> Matrices:
    """The image turns counter-clockwise."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return matrices(cos, -sin, 0, sin, cos, 0, 0, 0, 1)


def shear(x: ArrayLike, y: ArrayLike) -> Matrices:
    """Vertical lines lean by x degrees, horizontal ones by y."""
    return matrices(1, np.tan(np.deg2rad(x)), 0, np.tan(np.deg2rad(y)), 1, 0, 0, 0, 1)


def perspective(x: ArrayLike, y: ArrayLike) -> Matrices:
    """The plane of the image turns away: depth grows by x and y per pixel."""
    return matrices(1, 0, 0, 0, 1, 0, x, y, 1)


def compose(*steps: Matrices) -> Matrices:
    """The product; the step that is nearest to the output stands last."""
    product: Matrices = reduce(np.matmul, steps)
    return product


def centered(homographies: Matrices, source: tuple[int, int], output: tuple[int, int]) -> Matrices:
    """From moves about the center to places of pixels, counted from the top left corner.

    source, output  height and width
    """
    (h, w), (height, width) = source, output
    return compose(
        shift((w - 1) / 2, (h - 1) / 2), homographies, shift(-(width - 1) / 2, -(height - 1) / 2)
    )


def warp_rows(
    rows: NDArray[np.uint8],
    homographies: Matrices,
    size: tuple[int, int],
    *,
    border: Border = "reflect",
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Move each row of bytes by its own matrix, with OpenCV.

    rows    (B, h, w, C) uint8
    size    height and width of the result
    out     memory that may be used for the result; not that of `rows`
    return  (B, *size, C) uint8
    """
    if rows[:1].size <= SMALL and _whole_pixels(homographies):
        return _gather(rows, homographies, size, border)
    count, channels = len(rows), rows.shape[3]
    warped = np.empty((count, *size, channels), np.uint8) if out is None else out
    parts = _exactly_moved(channels)
    flat = np.all(homographies[:, 2] == (0, 0, 1), axis=1)
    flags, mode = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, BORDERS[border][0]
    corners, aligned = _windows(homographies, size, (rows.shape[1], rows.shape[2]))
    for index, ((left, top), (right, bottom)) in enumerate(corners.tolist()):
        if aligned[index]:  # four times as fast as a warp
            window, place = rows[index, top:bottom, left:right], warped[index]
            cv2.resize(window, size[::-1], place, interpolation=cv2.INTER_LINEAR)
            across, down = homographies[index, [0, 1], [0, 1]] < 0
            if across or down:
                cv2.flip(place, 1 if not down else -1 if across else 0, place)
            continue
        method, lines = (cv2.warpAffine, 2) if flat[index] else (cv2.warpPerspective, 3)
        matrix = homographies[index, :lines]
        if len(parts) == 1:
            method(rows[index], matrix, size[::-1], warped[index], flags, mode)
            continue
        for part in parts:
            image = np.ascontiguousarray(rows[index, ..., part])
            moved = method(image, matrix, size[::-1], None, flags, mode)
            warped[index, ..., part] = moved.reshape(*size, -1)
    return warped


def warp_images(
    images: Images, homographies: Matrices, size: tuple[int, int], *, border: Border = "reflect"
) -> Images:
    """Move each image by its own matrix, with torch, on the device of the images.

    images  (B, C, h, w) float
    return  (B, C, *size)
    """
    h, w = images.shape[2:]
    device = images.device
    transform = torch.from_numpy(homographies).to(torch.float32).to(device)
    ys, xs = torch.meshgrid(*(torch.arange(n, device=device) for n in size), indexing="ij")
    grid = torch.stack([xs, ys, torch.ones_like(xs)], dim=-1).to(torch.float32)  # (H, W, 3)
    places: Tensor = grid.reshape(1, -1, 3) @ transform.mT  # (B, H·W, 3)
    places = places[..., :2] / places[..., 2:]
    corners, aligned = _windows(homographies, size, (h, w))
    corners[~aligned] = (-OUTSIDE, -OUTSIDE), (OUTSIDE, OUTSIDE)
    first, last = torch.from_numpy(corners - [[0], [1]]).to(torch.float32).to(device).unbind(1)
    places = places.clamp(first[:, None], last[:, None])
    return sample_images(images, places.reshape(-1, *size, 2), border)


def sample_images(images: Images, places: Tensor, border: Border) -> Images:
    """Images (B, C, h, w) at places (B, H, W, 2), x and y of pixel centers in float32."""
    h, w = images.shape[2:]
    # torch counts from -1 to 1, here the centers of the outer pixels, about which it can reflect as
    # OpenCV does, and otherwise their edges, which are apart even on a side of one pixel.
    centers = border == "reflect"
    sides = torch.tensor([max(w - 1, 1), max(h - 1, 1)] if centers else [w, h])
    places = (2 * places + (0 if centers else 1)) / sides.to(places.device) - 1
    mode = BORDERS[border][1]
    return F.grid_sample(images, places.to(images.dtype), "bilinear", mode, centers)


def _windows(
    homographies: Matrices, size: tuple[int, int], source: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Which matrices only enlarge or shrink, and perhaps mirror, a window of whole pixels.

    A window is resized by itself: pixels beside it have no influence.

    return  (B, 2, 2) x and y of the windows' first pixels and after their last, and (B,) which
    """
    plain = homographies.copy()
    plain[:, [0, 1], [0, 1]] = plain[:, :2, 2] = 0
    scales, offsets = homographies[:, [0, 1], [0, 1]], homographies[:, :2, 2]
    ends = np.stack([offsets - scales / 2, offsets + scales * (np.array(size[::-1]) - 0.5)], 1)
    edges = np.sort(ends + 0.5, axis=1)  # (B, 2, 2) start and end, x and y
    corners = np.rint(edges).astype(np.int64)
    aligned = (
        np.all(plain == np.diag([0, 0, 1]), axis=(1, 2))
        & np.all(np.abs(edges - corners) < 1e-6, axis=(1, 2))
        & np.all(corners[:, 0] >= 0, axis=1)
        & np.all(corners[:, 1] <= source[::-1], axis=1)
        & np.all(corners[:, 0] < corners[:, 1], axis=1)
    )
    return corners, aligned


def _exactly_moved(channels: int) -> list[slice]:
    """Channels that OpenCV moves together; it interpolates other numbers at 1/32 of a pixel."""
    if channels == 3:
        return [slice(0, 3)]
    fours = channels - channels % 4
    return [slice(first, first + 4) for first in range(0, fours, 4)] + [
        slice(first, first + 1) for first in range(fours, channels)
    ]


def _whole_pixels(homographies: Matrices) -> bool:
    """Do all matrices only mirror and shift by whole pixels?"""
    plain = np.zeros_like(homographies)
    plain[:, [0, 1], [0, 1]] = np.sign(homographies[:, [0, 1], [0, 1]])
    plain[:, :2, 2] = np.rint(homographies[:, :2, 2])
    plain[:, 2, 2] = 1
    return np.array_equal(plain, homographies)


def _gather(
    rows: NDArray[np.uint8], homographies: Matrices, size: tuple[int, int], border: Border
) -> NDArray[np.uint8]:
    """Mirror and shift the whole batch by two gathers: first of lines, then of pixels."""
    count, h, w, channels = rows.shape
    ys, below = _places(homographies[:, 1, 1], homographies[:, 1, 2], size[0], h, border)
    xs, beside = _places(homographies[:, 0, 0], homographies[:, 0, 2], size[1], w, border)
    ys += h * np.arange(count)[:, None]
    lines = np.take(rows.reshape(count * h, w * channels), ys.ravel(), axis=0)
    places = xs[:, None, :] + w * np.arange(count * size[0]).reshape(count, size[0], 1)
    moved: NDArray[np.uint8] = np.take(lines.reshape(-1, channels), places.ravel(), axis=0)
    moved = moved.reshape(count, *size, channels)
    if border == "zero":
        moved[(below[:, :, None] | beside[:, None, :])] = 0
    return moved


def _places(
    sign: NDArray[np.float64],
    offset: NDArray[np.float64],
    length: int,
    source: int,
    border: Border,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where (B, length) pixels of a side are found on a side of `source` pixels, and which are not.

    What is outside is replaced according to the border.
    """
    places = np.arange(length) * sign[:, None].astype(np.int64) + offset[:, None].astype(np.int64)
    outside = (places < 0) | (places >= source)
    if border == "reflect":
        period = max(2 * (source - 1), 1)
        places = places % period
        places = np.minimum(places, period - places)
    return np.clip(places, 0, source - 1), outside

"""Frame: where each pixel of a stored image lies in a network's window, and the way back.

Targets that lie in an image (points, boxes, maps) go through it into the window, and answers come
back through its inverse. Places are x and y of pixel centers: the center of the first pixel is
(0, 0). Boxes are counted in pixel edges, half-open: the first pixel reaches from 0 to 1.

Hartley and Zisserman (2004), "Multiple View Geometry in Computer Vision", section 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.data.images.block_means import ROUNDING, Matrix, block_means
from vitreous.errors import ShapeError, UsageError

Size: TypeAlias = tuple[int, int]  # height and width
NEAR = 1e-3  # depth below which nothing is seen; 1 is the depth of the plane of the image


@dataclass(frozen=True, eq=False)
class Frame:
    """The place of a stored image in a window.

    matrix  (3, 3) pixel centers of the stored image to pixel centers of the window
    source  height and width of the stored image
    size    height and width of the window
    """

    matrix: Matrix
    source: Size
    size: Size

    @classmethod
    def identity(cls, size: Size) -> Self:
        """The image is its own window."""
        return cls(np.eye(3), size, size)

    @classmethod
    def resized_crop(cls, source: Size, size: Size, box: tuple[float, float, float, float]) -> Self:
        """The window shows this part of the image.

        box  left, top, right and bottom edge; where it reaches beyond the image, the window does
        """
        left, top, right, bottom = box
        x, y = size[1] / (right - left), size[0] / (bottom - top)
        matrix = [
            [x, 0, (0.5 - left) * x - 0.5],
            [0, y, (0.5 - top) * y - 0.5],
            [0, 0, 1],
        ]
        return cls(np.array(matrix, np.float64), source, size)

    @property
    def inverse(self) -> Self:
        """From the window back to the stored image."""
        matrix = np.linalg.inv(self.matrix)
        return type(self)(matrix.astype(np.float64), self.size, self.source)

    def then(self, other: Frame) -> Self:
        """This frame, and `other` behind it. Raises ShapeError if it is of another window."""
        if self.size != other.source:
            raise ShapeError(f"a frame of {other.source} behind a window of {self.size}")
        return type(self)(other.matrix @ self.matrix, self.source, other.size)

    def points(self, points: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 2) of the stored image as points of the window, which may lie outside."""
        return move_points(points, self.matrix)

    def boxes(self, boxes: ArrayLike) -> NDArray[np.float64]:
        """Boxes (n, 4) of the stored image as boxes of the window, unclipped: see `move_boxes`."""
        return move_boxes(boxes, self.matrix)

    def map(self, array: NDArray[Any], *, nearest: bool, fill: float) -> NDArray[Any]:
        """A map (h, w) or (h, w, K) over the stored image as one over the window, (H, W[, K]).

        fill  stands where the window shows nothing of the image

        Where numbers are interpolated and the window shows them at half their scale or below,
        whole blocks of pixels are averaged first, as `resize` does with images.

        Raises ShapeError for a map of another size; and see `sample_map`.
        """
        if array.shape[:2] != self.source:
            raise ShapeError(
                f"a map of {array.shape[:2]} for an image of {self.source} (height, width)",
                remedy="A map has the size of its image.",
            )
        matrix = self.inverse.matrix
        blocks = None if nearest or array.dtype.kind != "f" else block_means(array, matrix)
        if blocks is None:
            return sample_map(array, matrix, self.size, nearest=nearest, fill=fill)
        found = sample_map(*blocks, self.size, nearest=nearest, fill=fill)
        inside = np.ones(self.source, np.bool_)  # blocks at an edge reach beyond it
        found[~sample_map(inside, matrix, self.size, nearest=True, fill=False)] = fill
        return found

    def at(self, array: NDArray[Any], x: float, y: float, *, fill: float) -> NDArray[Any]:
        """What `map` has at one pixel of the window, interpolated: () or (K,)."""
        here, matrix = np.array([[[x, y]]], np.float64), self.inverse.matrix
        inside = np.ones(self.source, np.bool_)
        means = block_means(array, matrix)
        if means and sample_map_at(inside, move_points(here, matrix), nearest=True, fill=False):
            array, matrix = means
        places = move_points(here, matrix)
        found: NDArray[Any] = sample_map_at(array, places, nearest=False, fill=fill)[0, 0]
        return found


def move_points(points: ArrayLike, matrix: Matrix) -> NDArray[np.float64]:
    """Where points go.

    points  (..., 2) x and y of pixel centers
    matrix  (3, 3), or (B, 3, 3) for points (B, P, 2)
    return  the shape of the points
    """
    moved = _homogeneous(np.asarray(points, np.float64), matrix)
    depth = moved[..., 2:]
    places: NDArray[np.float64] = moved[..., :2] / np.where(depth == 0, 1e-12, depth)
    return places


def move_boxes(boxes: ArrayLike, matrix: Matrix) -> NDArray[np.float64]:
    """The upright boxes around the moved corners of boxes, unclipped.

    boxes   (n, 4) left, top, right and bottom edge
    matrix  (3, 3)
    return  (n, 4); not a number where a box lies behind the viewer of a perspective
    """
    edges = np.asarray(boxes, np.float64).reshape(-1, 4)
    corners = edges[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2) - 0.5
    moved = _homogeneous(corners, matrix)  # (n, 4, 3), around each box
    seen = moved[..., 2] >= NEAR
    if not seen.all():
        moved, seen = _cut(moved, seen)
    places = moved[..., :2] / np.where(seen, moved[..., 2], 1)[..., None] + 0.5
    first = np.where(seen[..., None], places, np.inf).min(axis=1)
    last = np.where(seen[..., None], places, -np.inf).max(axis=1)
    hulls = np.concatenate([first, last], axis=1)
    return np.where(np.isfinite(hulls), hulls, np.nan)


def clipped(
    boxes: NDArray[np.float64], size: Size, least: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What is left of boxes within a window.

    boxes   (n, 4)
    size    height and width of the window
    least   pixels a side has to keep
    return  the (m, 4) boxes that are left, and (n,) which of the given these are
    """
    height, width = size
    inside = np.clip(boxes, 0, [width, height, width, height])
    kept = np.all(inside[:, 2:] - inside[:, :2] >= least, axis=1)  # False for what is no number
    return inside[kept], kept


def sample_map(
    array: NDArray[Any], matrix: Matrix, size: Size, *, nearest: bool, fill: float
) -> NDArray[Any]:
    """A map sampled at the centers of a window's pixels.

    array    (h, w) or (h, w, K)
    matrix   (3, 3) pixel centers of the window to pixel centers of the map
    size     height and width of the window
    nearest  True takes the pixel that the place lies in, of any type of value; False interpolates
             linearly, which numbers of classes do not allow, so only floats. Neither averages: of
             a map that shrinks much, most pixels are never looked at.
    fill     stands outside of the map, and is never blended with what is inside

    Raises UsageError for integers that should be interpolated, and for a `fill` that is no value of
    the map's type.
    """
    if not nearest and array.dtype.kind != "f":
        raise _no_floats(array)
    _check_fill(array.dtype, fill)
    x, y = _places(matrix, size)
    return _sampled(array, x, y, size, nearest=nearest, fill=fill)


def sample_map_at(
    array: NDArray[Any], places: NDArray[np.float64], *, nearest: bool, fill: float
) -> NDArray[Any]:
    """A map sampled at any places, (H, W, 2) x and y of its pixel centers; as `sample_map`."""
    if not nearest and array.dtype.kind != "f":
        raise _no_floats(array)
    _check_fill(array.dtype, fill)
    x, y = np.moveaxis(places, -1, 0)
    return _sampled(array, x, y, x.shape, nearest=nearest, fill=fill)


def _no_floats(array: NDArray[Any]) -> UsageError:
    return UsageError(
        f"a map of {array.dtype} cannot be interpolated",
        remedy="Take nearest=True for numbers of classes, or convert quantities to float32.",
    )


def _sampled(
    array: NDArray[Any],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    size: tuple[int, ...],
    *,
    nearest: bool,
    fill: float,
) -> NDArray[Any]:
    h, w = array.shape[:2]
    column, line = np.floor(x + (0.5 + ROUNDING)), np.floor(y + (0.5 + ROUNDING))
    inside = (column >= 0) & (column < w) & (line >= 0) & (line < h)
    if nearest:
        sampled = array[_within(line, h), _within(column, w)]
    else:
        sampled = _interpolated(array, x, y)
    if not inside.all():
        sampled[~np.broadcast_to(inside, size)] = fill
    return sampled


def _homogeneous(points: NDArray[np.float64], matrix: Matrix) -> NDArray[np.float64]:
    """Points (..., 2) as x, y and depth (..., 3) behind the matrix."""
    ones = np.ones_like(points[..., :1])
    moved: NDArray[np.float64] = np.concatenate([points, ones], axis=-1) @ matrix.swapaxes(-1, -2)
    return moved


def _cut(
    corners: NDArray[np.float64], seen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Corners (n, 4, 3), and where sides of the box pass out of sight: (n, 8, 3), and which count.

    The far side of the horizon is mirrored by the division, so a hull must not contain it.
    """
    ahead = np.roll(corners, -1, axis=1)
    leaves = seen != np.roll(seen, -1, axis=1)
    way = np.where(leaves, ahead[..., 2] - corners[..., 2], 1)
    share = (NEAR - corners[..., 2]) / way
    cuts = corners + share[..., None] * (ahead - corners)
    return np.concatenate([corners, cuts], axis=1), np.concatenate([seen, leaves], axis=1)


def _places(matrix: Matrix, size: Size) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of all pixels of a window behind the matrix, each of a shape that spreads to `size`.

    Where nothing is turned, x depends on the column alone and y on the line.
    """
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    across, down = np.arange(size[1], dtype=np.float64), np.arange(size[0], dtype=np.float64)
    down = down[:, None]
    if g == h == 0:
        x = (a * across + c) / i if b == 0 else (a * across + (b * down + c)) / i
        y = (e * down + f) / i if d == 0 else (d * across + (e * down + f)) / i
        return x, y
    depth = g * across + (h * down + i)
    depth[depth == 0] = 1e-12
    return (a * across + (b * down + c)) / depth, (d * across + (e * down + f)) / depth


def _within(places: NDArray[np.float64], length: int) -> NDArray[np.intp]:
    return np.clip(places, 0, length - 1).astype(np.intp)


def _interpolated(
    array: NDArray[Any], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[Any]:
    """Values between pixels; beyond the centers of the outer ones they stay as they are there."""
    h, w = array.shape[:2]
    x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, bottom = np.minimum(left + 1, w - 1), np.minimum(top + 1, h - 1)
    more = (1,) * (array.ndim - 2)
    beside, below = (
        (place - pixel).astype(array.dtype).reshape(*place.shape, *more)
        for place, pixel in ((x, left), (y, top))
    )
    with np.errstate(invalid="ignore"):  # between two infinite values
        upper = _lerp(array[top, left], array[top, right], beside)
        return _lerp(upper, _lerp(array[bottom, left], array[bottom, right], beside), below)


def _lerp(one: NDArray[Any], other: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
    """One where the share is 0, even beside what is no number."""
    return np.where(share == 0, one, one + (other - one) * share)


def _check_fill(dtype: np.dtype[Any], fill: float) -> None:
    if dtype.kind == "f":
        return
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not (low <= fill <= high and fill == int(fill)):
        raise UsageError(
            f"{fill} is no value of a map of {dtype}",
            remedy="Give a fill that the map can hold, or convert the map.",
        )

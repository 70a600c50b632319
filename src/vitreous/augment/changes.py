"""What happens to the images of one batch, and to the targets that lie in them.

Images are rows of bytes or tensors; maps, points and boxes follow them on the CPU. A border that
repeats or mirrors the image invents pixels whose target nobody knows, so outside of the image a map
is `fill`, whatever the border. What is only colored or erased keeps its target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.augment import color, elastic, erase, warp
from vitreous.data.images.frame import move_boxes, move_points, sample_map, sample_map_at
from vitreous.errors import ShapeError
from vitreous.shapes import Images


@dataclass(frozen=True)
class Changes:
    """The changes of B images, in the order in which they are made; None changes no image.

    count           B
    source          height and width of the images
    size            height and width of the results
    homographies    (B, 3, 3), see `warp`
    color_matrices  (B, C + 1, C + 1), see `color`
    noise           (B, 2): deviation, and place in the table of noise
    erased          (B, 4) boxes, see `erase`
    grays           (B,): what these boxes are filled with
    bends           (B, n, n, 2) displacements, see `elastic`
    """

    count: int
    source: tuple[int, int]
    size: tuple[int, int]
    border: warp.Border = "reflect"
    homographies: warp.Matrices | None = None
    color_matrices: color.Matrices | None = None
    noise: NDArray[np.float64] | None = None
    erased: erase.Boxes | None = None
    grays: NDArray[np.float64] | None = None
    bends: elastic.Fields | None = None

    def rows(
        self, rows: NDArray[np.uint8], out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Rows (B, h, w, C) uint8 to rows (B, *size, C).

        rows  may be overwritten
        out   memory for the result, which may be used or not
        """
        if self.bends is not None:
            how = self.homographies, self.bends, self.size
            rows = elastic.bend_rows(rows, *how, border=self.border)
        elif self.homographies is not None:
            rows = warp.warp_rows(rows, self.homographies, self.size, border=self.border, out=out)
        if self.color_matrices is not None:
            color.recolor_rows(rows, self.color_matrices)
        if self.noise is not None:
            color.noise_rows(rows, *self.noise.T)
        if self.erased is not None and self.grays is not None:
            erase.erase_rows(rows, self.erased, self.grays)
        return rows

    def images(self, images: Images) -> Images:
        """Images (B, C, h, w) to images (B, C, *size), on their own device.

        The same as `rows`, except that values are not rounded to whole gray levels in between.
        """
        if self.bends is not None:
            how = self.homographies, self.bends, self.size
            images = elastic.bend_images(images, *how, border=self.border)
        elif self.homographies is not None:
            images = warp.warp_images(images, self.homographies, self.size, border=self.border)
        if self.color_matrices is not None:
            images = color.recolor_images(images, self.color_matrices)
        if self.noise is not None:
            images = color.noise_images(images, *self.noise.T)
        if self.erased is not None and self.grays is not None:
            images = erase.erase_images(images, self.erased, self.grays)
        return images

    def maps(self, maps: NDArray[Any], *, nearest: bool, fill: float) -> NDArray[Any]:
        """Maps over the images, as `rows` moves these, sampled by the same matrices.

        maps     (B, h, w) or (B, h, w, K)
        nearest  True for numbers of classes, of any type; False interpolates floats linearly
        fill     stands where nothing of the image is
        return   (B, *size) or (B, *size, K)

        Raises ShapeError, and UsageError as `sample_map` does.
        """
        self._check(len(maps))
        if maps.shape[1:3] != self.source:
            raise ShapeError(
                f"maps of {maps.shape[1:3]} over images of {self.source} (height, width)",
                remedy="Fit them with the frame of the images' own pixel contract.",
            )
        if self.homographies is None and self.bends is None:
            return maps
        moved = np.empty((len(maps), *self.size, *maps.shape[3:]), maps.dtype)
        if self.bends is not None:
            found = elastic.places(self.homographies, self.bends, self.size)
            for out, one, places in zip(moved, maps, found, strict=True):
                out[:] = sample_map_at(one, places, nearest=nearest, fill=fill)
            return moved
        assert self.homographies is not None
        for place, one, matrix in zip(moved, maps, self.homographies, strict=True):
            place[:] = sample_map(one, matrix, self.size, nearest=nearest, fill=fill)
        return moved

    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (B, P, 2), x and y of pixel centers, where the images take them; unclipped.

        A mirror leaves them in their order: see `mirrored` for what is called left and right.
        """
        self._check(len(points))
        if self.bends is not None:
            return elastic.bend_points(points, self.homographies, self.bends, self.size)
        if self.homographies is None:
            return points
        return move_points(points, _inverted(self.homographies))

    def boxes(self, boxes: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        """Boxes (n, 4) of each of the B images, half-open: the upright boxes around their moved
        corners, unclipped. `frame.clipped` drops what has left the image. Of a bent image the
        middles of the sides count as well.
        """
        self._check(len(boxes))
        if self.bends is not None:
            return [self._bent(own, index) for index, own in enumerate(boxes)]
        if self.homographies is None:
            return list(boxes)
        matrices = _inverted(self.homographies)
        return [move_boxes(own, matrix) for own, matrix in zip(boxes, matrices, strict=True)]

    def _bent(self, boxes: NDArray[np.float64], index: int) -> NDArray[np.float64]:
        """Boxes (n, 4) of one image around their bent corners and the middles of their sides."""
        assert self.bends is not None
        one = None if self.homographies is None else self.homographies[index : index + 1]
        shares = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]])
        first, last = boxes[:, None, :2], boxes[:, None, 2:]
        edges = (first + shares * (last - first)).reshape(1, -1, 2) - 0.5  # of pixels to centers
        moved = elastic.bend_points(edges, one, self.bends[index : index + 1], self.size)
        around = moved.reshape(len(boxes), len(shares), 2) + 0.5
        return np.concatenate([around.min(axis=1), around.max(axis=1)], axis=1)

    @property
    def mirrored(self) -> NDArray[np.bool_]:
        """(B,) True where left and right, or top and bottom, have changed sides (but not both)."""
        if self.homographies is None:
            return np.zeros(self.count, np.bool_)
        return np.asarray(np.linalg.det(self.homographies) < 0)

    def _check(self, count: int) -> None:
        if count != self.count:
            raise ShapeError(f"targets of {count} images for the changes of {self.count}")


@dataclass(frozen=True)
class Blend:
    """Several changes of the same image, blended.

    parts    k changes; the first only crops and mirrors, as all of them do
    weights  (B, k); each row sums to 1

    Targets follow the first part: it is the image itself, and the heaviest on average. The others
    are small moves about it, which no single map or point could follow all at once.

    Hendrycks et al. (2020), "AugMix", arXiv:1912.02781.
    """

    parts: tuple[Changes, ...]
    weights: NDArray[np.float64]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the results."""
        return self.parts[0].size

    def rows(
        self, rows: NDArray[np.uint8], out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        weights = self.weights.astype(np.float32).T[..., None, None, None]
        changed = (part.rows(rows.copy()) for part in self.parts)
        blended = reduce(np.add, map(np.multiply, weights, changed))
        return np.rint(blended).astype(np.uint8)

    def images(self, images: Images) -> Images:
        weights = torch.from_numpy(self.weights).to(images.dtype).to(images.device)
        changed = torch.stack([part.images(images) for part in self.parts])  # (k, B, C, H, W)
        return torch.einsum("bk,kbchw->bchw", weights, changed)

    def maps(self, maps: NDArray[Any], *, nearest: bool, fill: float) -> NDArray[Any]:
        return self.parts[0].maps(maps, nearest=nearest, fill=fill)

    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.parts[0].points(points)

    def boxes(self, boxes: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        return self.parts[0].boxes(boxes)

    @property
    def mirrored(self) -> NDArray[np.bool_]:
        return self.parts[0].mirrored


def _inverted(homographies: warp.Matrices) -> warp.Matrices:
    """From the image to the result, the way that targets take."""
    return np.asarray(np.linalg.inv(homographies), np.float64)

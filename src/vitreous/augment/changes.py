"""The augmentations of one batch, carried out on rows of bytes or on tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.augment import color, erase, warp
from vitreous.shapes import Images


@dataclass(frozen=True)
class Changes:
    """The changes of B pictures, in the order in which they are made; None changes no picture.

    size   height and width of the results
    moves  (B, 3, 3), see `warp`
    maps   (B, C + 1, C + 1), see `color`
    noise  (B, 2): deviation, and place in the table of noise
    boxes  (B, 4), see `erase`
    grays  (B,): what the boxes are filled with
    """

    size: tuple[int, int]
    border: warp.Border = "reflect"
    moves: warp.Matrices | None = None
    maps: color.Maps | None = None
    noise: NDArray[np.float64] | None = None
    boxes: erase.Boxes | None = None
    grays: NDArray[np.float64] | None = None

    def rows(
        self, rows: NDArray[np.uint8], out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Rows (B, h, w, C) uint8 to rows (B, *size, C).

        rows  may be overwritten
        out   memory for the result, which may be used or not
        """
        if self.moves is not None:
            rows = warp.warp_rows(rows, self.moves, self.size, border=self.border, out=out)
        if self.maps is not None:
            color.recolor_rows(rows, self.maps)
        if self.noise is not None:
            color.noise_rows(rows, *self.noise.T)
        if self.boxes is not None and self.grays is not None:
            erase.erase_rows(rows, self.boxes, self.grays)
        return rows

    def images(self, images: Images) -> Images:
        """Images (B, C, h, w) to images (B, C, *size), on their own device.

        The same as `rows`, except that values are not rounded to whole gray levels in between.
        """
        if self.moves is not None:
            images = warp.warp_images(images, self.moves, self.size, border=self.border)
        if self.maps is not None:
            images = color.recolor_images(images, self.maps)
        if self.noise is not None:
            images = color.noise_images(images, *self.noise.T)
        if self.boxes is not None and self.grays is not None:
            images = erase.erase_images(images, self.boxes, self.grays)
        return images


@dataclass(frozen=True)
class Blend:
    """Several changes of the same picture, blended.

    parts    k changes
    weights  (B, k); each row sums to 1

    Hendrycks et al. (2020), "AugMix", arXiv:1912.02781.
    """

    parts: tuple[Changes, ...]
    weights: NDArray[np.float64]

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

"""Random erasing: a rectangle of the image becomes a flat gray, so that no single part decides.

Zhong et al. (2017), "Random erasing data augmentation", arXiv:1708.04896.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.shapes import Images

Boxes: TypeAlias = NDArray[np.int64]  # (B, 4): x and y of the first pixel, x and y after the last


def boxes(
    area: NDArray[np.float64],
    aspect: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    size: tuple[int, int],
) -> Boxes:
    """Boxes of given area and aspect, cut to the image.

    area    (B,) share of the image; 0 gives an empty box
    aspect  (B,) height over width
    x, y    (B,) in [0, 1): from the first to the last place where the box fits
    size    height and width of the image
    """
    height, width = size
    sides = [
        np.minimum(np.rint(np.sqrt(area * height * width * ratio)), length).astype(np.int64)
        for ratio, length in ((aspect, height), (1 / aspect, width))
    ]
    top = np.floor(y * (height - sides[0] + 1)).astype(np.int64)
    left = np.floor(x * (width - sides[1] + 1)).astype(np.int64)
    return np.stack([left, top, left + sides[1], top + sides[0]], axis=1)


def erase_rows(rows: NDArray[np.uint8], where: Boxes, grays: NDArray[np.float64]) -> None:
    """Fill each box of rows (B, H, W, C) with one gray, in [0, 1], in place."""
    levels = np.rint(255 * grays).astype(np.uint8)
    for row, (left, top, right, bottom), level in zip(rows, where, levels, strict=True):
        row[top:bottom, left:right] = level


def erase_images(images: Images, where: Boxes, grays: NDArray[np.float64]) -> Images:
    """A copy of images (B, C, H, W) with one gray in each box."""
    inside = inside_boxes(where, (images.shape[2], images.shape[3]), images.device)
    values = torch.from_numpy(grays).to(images.dtype).to(images.device)[:, None, None, None]
    return torch.where(inside[:, None], values, images)


def inside_boxes(where: Boxes, size: tuple[int, int], device: torch.device) -> Tensor:
    """(B, H, W) True in the box of each image."""
    left, top, right, bottom = torch.from_numpy(where).to(device).T[..., None]
    y, x = (torch.arange(length, device=device) for length in size)
    rows, columns = (top <= y) & (y < bottom), (left <= x) & (x < right)
    inside: Tensor = rows[:, :, None] & columns[:, None, :]
    return inside

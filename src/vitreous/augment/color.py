"""Color in one step: brightness, contrast, saturation and hue are one affine map of the channels.

    y = A x + b        x, y  (C,) in [0, 1]

Matrices that follow each other are multiplied, so that the values of a pixel are changed, rounded
and clipped once. Saturation and hue act on RGB alone; brightness and contrast on any channels.
Noise is a window of one table of normal numbers, at a place that belongs to the example.
"""

from __future__ import annotations

from functools import cache, reduce
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.data.batches.counter_random import uniforms
from vitreous.shapes import Images

Numbers: TypeAlias = NDArray[np.float64]  # (B,)
Matrices: TypeAlias = NDArray[np.float64]  # (B, C + 1, C + 1): A, b beside it, 0 … 0 1 below

LUMA = np.array([0.299, 0.587, 0.114])  # weights of R, G and B in what the eye calls brightness
GRAYS = 1 << 20  # normal numbers in the table of noise


def brightness(factor: Numbers, channels: int) -> Matrices:
    """Every value times the factor."""
    return _affine(np.eye(channels) * factor[:, None, None])


def contrast(factor: Numbers, channels: int) -> Matrices:
    """Distances from middle gray times the factor."""
    matrices = _affine(np.eye(channels) * factor[:, None, None])
    matrices[:, :channels, channels] = 0.5 * (1 - factor[:, None])
    return matrices


def saturation(factor: Numbers) -> Matrices:
    """Distances from the gray of equal luma times the factor; 0 makes a gray image."""
    gray = np.broadcast_to(LUMA, (3, 3))
    return _affine(factor[:, None, None] * np.eye(3) + (1 - factor[:, None, None]) * gray)


def hue(degrees: Numbers) -> Matrices:
    """Turn the colors about the gray axis (1, 1, 1); 120° takes red to green."""
    angle = np.deg2rad(degrees)[:, None, None]
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) / 3
    return _affine(turn)


def compose(*steps: Matrices) -> Matrices:
    """The product of (B, C + 1, C + 1) matrices; the step that acts first stands last."""
    product: Matrices = reduce(np.matmul, steps)
    return product


def recolor_rows(rows: NDArray[np.uint8], matrices: Matrices) -> None:
    """Map the channels of each row of bytes in place, with OpenCV.

    rows      (B, H, W, C) uint8
    matrices  (B, C + 1, C + 1)
    """
    channels = rows.shape[3]
    scaled = matrices[:, :channels].copy()
    scaled[:, :, channels] *= 255
    for row, matrix in zip(rows, scaled, strict=True):
        cv2.transform(row, matrix, row)


def recolor_images(images: Images, matrices: Matrices) -> Images:
    """Map the channels of each image, with torch; values stay in [0, 1]."""
    channels = images.shape[1]
    tensors = torch.from_numpy(matrices).to(images.dtype).to(images.device)
    colored = torch.einsum("bdc,bchw->bdhw", tensors[:, :channels, :channels], images)
    offsets = tensors[:, :channels, channels, None, None]
    return (colored + offsets).clamp(0, 1).contiguous(memory_format=torch.channels_last)


def noise_rows(rows: NDArray[np.uint8], deviations: Numbers, places: Numbers) -> None:
    """Add normal noise to each row of bytes, in place.

    deviations  (B,) standard deviation, where 1 is white
    places      (B,) in [0, 1): which window of the table
    """
    windows = _windows(places, int(np.prod(rows.shape[1:])))
    for row, deviation, window in zip(rows, deviations.tolist(), windows, strict=True):
        values = row + 255 * deviation * window.reshape(row.shape)
        row[:] = np.rint(np.clip(values, 0, 255, out=values), out=values)


def noise_images(images: Images, deviations: Numbers, places: Numbers) -> Images:
    """The same noise for images; values stay in [0, 1]."""
    count, channels, height, width = images.shape
    windows = np.stack(_windows(places, images[0].numel()))
    windows *= deviations[:, None].astype(np.float32)
    noise = torch.from_numpy(windows).to(images.dtype).to(images.device)
    noise = noise.reshape(count, height, width, channels).permute(0, 3, 1, 2)
    return (images + noise).clamp(0, 1)


def _affine(linear: Numbers) -> Matrices:
    """(B, C, C) matrices as (B, C + 1, C + 1) ones without an offset."""
    count, channels = linear.shape[:2]
    matrices = np.zeros((count, channels + 1, channels + 1))
    matrices[:, :channels, :channels] = linear
    matrices[:, channels, channels] = 1
    return matrices


def _windows(places: Numbers, length: int) -> list[NDArray[np.float32]]:
    starts = (places * GRAYS).astype(np.int64)
    table = _table(length)
    return [table[start : start + length] for start in starts]


@cache
def _table(length: int) -> NDArray[np.float32]:
    """Standard normal numbers, long enough for a window of this length from any start."""
    radius, angle = uniforms(0, 0, np.arange(GRAYS), 2).T
    table = np.sqrt(-2 * np.log1p(-radius)) * np.cos(2 * np.pi * angle)  # Box and Muller (1958)
    return np.resize(table.astype(np.float32), GRAYS + length)

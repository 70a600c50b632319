"""Heatmaps: coarse maps enlarged to the image, scaled for the eye, laid over the image in color."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from vitreous.shapes import Heatmaps

SHARE = 0.6  # of the color, where the heat is greatest
QUANTILE = 0.99  # of the pixels that are not cut off: single pixels must not darken all others


def enlarged(maps: Heatmaps, size: tuple[int, int]) -> Heatmaps:
    """Maps (B, h, w) at the size of the image, by linear interpolation between their centers."""
    if maps.shape[1:] == size:
        return maps
    return F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]


def scaled(maps: Heatmaps) -> Heatmaps:
    """Each map divided by its own largest size: in [-1, 1], or [0, 1] where nothing is negative.
    A map of zeros stays one.
    """
    largest = maps.abs().amax((1, 2), keepdim=True)
    return maps / torch.where(largest > 0, largest, 1)


def colored(heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(h, w) in [-1, 1] to RGB: what speaks for the answer is warm, what speaks against it blue."""
    strength = np.clip(np.abs(heat), 0, 1)[..., None].astype(np.float32)
    warm = np.array([[255, 241, 160], [250, 120, 30], [170, 10, 40]], np.float32)
    cold = np.array([[190, 225, 250], [60, 130, 210], [20, 40, 130]], np.float32)
    colors = np.where(heat[..., None] >= 0, _ramp(strength, warm), _ramp(strength, cold))
    painted: NDArray[np.uint8] = np.rint(colors).astype(np.uint8)
    return painted


def _ramp(strength: NDArray[np.float32], stops: NDArray[np.float32]) -> NDArray[np.float32]:
    low = stops[0] + (stops[1] - stops[0]) * np.clip(strength * 2, 0, 1)
    high: NDArray[np.float32] = low + (stops[2] - stops[1]) * np.clip(strength * 2 - 1, 0, 1)
    return high


def laid_over(image: NDArray[np.uint8], heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """An image (h, w, C) in gray with its heat (h, w) over it, (h, w, 3).

    heat  of any scale: its 99 % largest values reach from no color to full color
    """
    shown = image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)
    gray = shown.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    base = np.repeat((0.85 * gray + 25)[..., None], 3, axis=2)
    largest = float(np.quantile(np.abs(heat), QUANTILE)) or float(np.abs(heat).max()) or 1.0
    part = np.clip(heat / largest, -1, 1)
    share = SHARE * np.sqrt(np.abs(part))[..., None]
    mixed = base + share * (colored(part).astype(np.float32) - base)
    painted: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return painted

"""Weather: fog that takes contrast away, snow in flakes, rain in streaks.

They are made on a canvas of a fixed size and laid over the image at its own: a flake covers the
same part of any image.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
CANVAS = 96  # pixels of each side
FLAKE = 3  # pixels of it
STREAK = 15
VEIL = 0.75  # brightness of fog, and of what falls


def fog(image: Floats, density: float, random: np.random.Generator) -> Floats:
    """density  share of the light that comes from the fog, on the average"""
    field = np.zeros((CANVAS, CANVAS), np.float32)
    for octave in range(1, 5):
        cells = random.random((2**octave + 1, 2**octave + 1)).astype(np.float32)
        field += cv2.resize(cells, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC) / 2**octave
    field = (field - field.min()) / max(float(np.ptp(field)), 1e-6)
    share = np.clip(density * (0.7 + 0.6 * laid(field, image)), 0, 1)
    fogged: Floats = image * (1 - share) + np.float32(VEIL) * share
    return fogged


def snow(image: Floats, share: float, random: np.random.Generator) -> Floats:
    """share  of the picture that flakes cover"""
    flakes = (random.random((CANVAS, CANVAS)) < share / FLAKE).astype(np.float32)
    cover = np.minimum(cv2.GaussianBlur(flakes, (0, 0), FLAKE / 3) * FLAKE**2, 1)
    veiled = image + np.float32(2 * share) * (1 - image)
    over = laid(cover, image)
    return veiled * (1 - over) + over


def rain(image: Floats, share: float, random: np.random.Generator) -> Floats:
    """share  of the picture where a drop begins its streak"""
    drops = (random.random((CANVAS, CANVAS)) < share).astype(np.float32)
    kernel = np.zeros((STREAK, STREAK), np.float32)
    slant = int(random.integers(-STREAK // 3, STREAK // 3 + 1))
    middle = STREAK // 2
    cv2.line(kernel, (middle - slant, 0), (middle + slant, STREAK - 1), 1.0)
    streaks = np.minimum(cv2.filter2D(drops, -1, kernel), 1)
    over = np.float32(0.6) * laid(streaks, image)
    darker = image * np.float32(1 - 4 * share)
    wet: Floats = darker * (1 - over) + np.float32(VEIL) * over
    return wet


def laid(canvas: Floats, image: Floats) -> Floats:
    """A canvas at the size of the image, (H, W, 1)."""
    height, width = image.shape[:2]
    method = cv2.INTER_AREA if min(height, width) < CANVAS else cv2.INTER_LINEAR
    return cv2.resize(canvas, (width, height), interpolation=method)[..., None].astype(np.float32)

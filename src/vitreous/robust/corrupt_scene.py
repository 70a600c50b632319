"""Changes of the scene: light from one side, something in the way, another pose of the thing."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def illumination(image: Floats, strength: float, random: np.random.Generator) -> Floats:
    """strength  share by which one side is brighter and the other darker; all of it gets darker or
    brighter by half as much
    """
    height, width = image.shape[:2]
    angle, brighter = random.random() * 2 * np.pi, random.random() < 0.5
    lines, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    across = (np.cos(angle) * columns + np.sin(angle) * lines) / np.sqrt(2)
    light = 1 + strength * across + (0.5 if brighter else -0.5) * strength
    lit: Floats = image * light[..., None].astype(np.float32)
    return lit


def occlusion(image: Floats, share: float, random: np.random.Generator) -> Floats:
    """share  of the picture that a rectangle of its mean color covers"""
    height, width = image.shape[:2]
    aspect = np.exp(random.uniform(-0.4, 0.4))
    tall = max(1, min(height, round(height * np.sqrt(share) * aspect)))
    wide = max(1, min(width, round(width * np.sqrt(share) / aspect)))
    top = int(random.random() * (height - tall + 1))
    left = int(random.random() * (width - wide + 1))
    covered = image.copy()
    covered[top : top + tall, left : left + wide] = image.mean((0, 1))
    return covered


def pose(image: Floats, degrees: float, random: np.random.Generator) -> Floats:
    """degrees  by which it is turned, to one side or the other; it is tilted as well"""
    height, width = image.shape[:2]
    turn = degrees * (1 if random.random() < 0.5 else -1)
    tilt = np.deg2rad(degrees) / 4 * (1 if random.random() < 0.5 else -1)
    middle = (width - 1) / 2, (height - 1) / 2
    turned = np.vstack([cv2.getRotationMatrix2D(middle, turn, 1.0), [0, 0, 1]])
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    inward = np.array([[tilt, 0], [-tilt, 0], [0, 0], [0, 0]]) * width
    tilted = cv2.getPerspectiveTransform(
        corners.astype(np.float32), (corners + inward).astype(np.float32)
    )
    moved = cv2.warpPerspective(
        image, tilted @ turned, (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    return moved.reshape(image.shape).astype(np.float32, copy=False)

"""Corruptions of images: noise, blur, weather, digital losses, light, pose, things in the way.

What a camera meets that the training images did not show, in five severities. The formulas are
ours; all lengths are parts of the image's shorter side, so that a severity means the same for 16
and for 320 pixels. An image, a kind and a seed give the same picture in any order; severities of a
kind share what is random.

The idea, and that a network is told by the mean over kinds and severities: Hendrycks and Dietterich
(2019), "Benchmarking neural network robustness to common corruptions", arXiv:1903.12261.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import UsageError, unknown
from vitreous.robust import (
    corrupt_blur,
    corrupt_digital,
    corrupt_noise,
    corrupt_scene,
    corrupt_weather,
)

SEVERITIES = (1, 2, 3, 4, 5)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Corruption:
    """A way in which images get worse.

    group      noise, blur, weather, digital or scene
    apply      ((H, W, C) in [0, 1], strength, randomness) to the same shape
    strengths  one for each severity
    moves      do things end in another place, and targets that lie in the image with them?
    """

    group: str
    apply: Callable[[Floats, float, np.random.Generator], Floats]
    strengths: tuple[float, float, float, float, float]
    moves: bool = False


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption("noise", corrupt_noise.gaussian, (0.04, 0.06, 0.08, 0.1, 0.13)),
    "shot_noise": Corruption("noise", corrupt_noise.shot, (0.06, 0.09, 0.12, 0.16, 0.2)),
    "impulse_noise": Corruption("noise", corrupt_noise.impulse, (0.01, 0.02, 0.04, 0.06, 0.09)),
    "defocus_blur": Corruption("blur", corrupt_blur.defocus, (0.015, 0.025, 0.04, 0.055, 0.075)),
    "motion_blur": Corruption("blur", corrupt_blur.motion, (0.04, 0.07, 0.1, 0.14, 0.19)),
    "zoom_blur": Corruption("blur", corrupt_blur.zoom, (0.06, 0.11, 0.17, 0.24, 0.32)),
    "fog": Corruption("weather", corrupt_weather.fog, (0.25, 0.35, 0.45, 0.55, 0.65)),
    "snow": Corruption("weather", corrupt_weather.snow, (0.03, 0.06, 0.09, 0.13, 0.18)),
    "rain": Corruption("weather", corrupt_weather.rain, (0.01, 0.02, 0.03, 0.045, 0.06)),
    "contrast": Corruption("digital", corrupt_digital.contrast, (0.6, 0.45, 0.32, 0.22, 0.14)),
    "pixelate": Corruption("digital", corrupt_digital.pixelate, (0.6, 0.45, 0.35, 0.27, 0.2)),
    "jpeg": Corruption("digital", corrupt_digital.jpeg, (25, 18, 12, 8, 5)),
    "elastic": Corruption(
        "digital", corrupt_digital.elastic, (0.01, 0.02, 0.03, 0.04, 0.055), moves=True
    ),
    "illumination": Corruption("scene", corrupt_scene.illumination, (0.2, 0.35, 0.5, 0.65, 0.8)),
    "occlusion": Corruption("scene", corrupt_scene.occlusion, (0.04, 0.09, 0.16, 0.25, 0.36)),
    "pose": Corruption("scene", corrupt_scene.pose, (6, 12, 18, 24, 30), moves=True),
}
"""The corruptions by name."""


def corrupted(
    rows: NDArray[np.uint8], kind: str, severity: int, ids: NDArray[np.int64], seed: int = 0
) -> NDArray[np.uint8]:
    """The rows under a corruption, as bytes again.

    rows      (N, H, W, C)
    severity  1 to 5
    ids       (N,) of the rows, on which the randomness depends

    Raises UsageError that offers the nearest names.
    """
    if kind not in CORRUPTIONS:
        raise unknown("corruption", kind, CORRUPTIONS, where="corruption")
    if severity not in SEVERITIES:
        raise UsageError(
            f"{severity} is out of range", where="severity", remedy="Give a number from 1 to 5."
        )
    row, number = CORRUPTIONS[kind], list(CORRUPTIONS).index(kind)
    strength = row.strengths[severity - 1]
    made = np.empty_like(rows)
    for place, (image, key) in enumerate(zip(rows, ids, strict=True)):
        random = np.random.default_rng([seed, number, int(key)])
        worse = row.apply(image.astype(np.float32) / 255, strength, random)
        made[place] = np.rint(np.clip(worse, 0, 1) * 255)
    return made

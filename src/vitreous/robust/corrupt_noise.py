"""Noise of a sensor: Gaussian, shot noise of few photons, impulses of broken pixels.

A pixel's noise matters less the more pixels show a thing: its deviation grows with the root of the
image's side, and is as given at 32 pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
USUAL = 32  # pixels of the shorter side, for which strengths are given


def gaussian(image: Floats, deviation: float, random: np.random.Generator) -> Floats:
    noise = random.standard_normal(image.shape, np.float32)
    return image + np.float32(deviation * coarseness(image)) * noise


def shot(image: Floats, deviation: float, random: np.random.Generator) -> Floats:
    """deviation  of a white pixel; a black one has none"""
    photons = 1 / (deviation * coarseness(image)) ** 2
    return (random.poisson(image * photons) / photons).astype(np.float32)


def impulse(image: Floats, share: float, random: np.random.Generator) -> Floats:
    """share  of the pixels that become black or white in all channels"""
    chance = random.random(image.shape[:2])
    hit, white = chance < share * coarseness(image), random.random(image.shape[:2]) < 0.5
    return np.where(hit[..., None], white[..., None], image).astype(np.float32)


def coarseness(image: Floats) -> float:
    """Root of the side over the usual one."""
    return float(np.sqrt(min(image.shape[:2]) / USUAL))

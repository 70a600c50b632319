"""Scattered digits: the handwritten digits that come along, thrown onto mottled paper.

Each of the 1,797 digits is drawn once: somewhere in the picture, turned and slanted, larger or
smaller, light on dark or dark on light, with noise. No pixel means the same in two pictures, so
looking up the most similar one fails where a convolutional network does not: a demonstration that
needs no download. It is a function of a seed.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vitreous.data.formats.arrays import ArrayDataset, digits

SIDE = 28  # pixels
TURN = 20  # degrees to either side
SLANT = 0.15  # of an upright stroke, as a share of its height
SCALE = (1.5, 2.2)  # pixels of the picture for one of the digit's
INK = np.array([3.0, 3.8])  # half the width and height of a digit in its own 8 × 8 pixels
CONTRAST = (0.35, 0.65)  # between ink and paper, of white
MOTTLES = 4  # to a side of the paper
NOISE = 0.06  # deviation, of white


def scattered(*, seed: int = 0) -> ArrayDataset:
    """Pictures (28, 28, 1) with the labels of `digits`, in the same order."""
    source = digits()
    pictures = [
        scatter(np.random.default_rng((seed, number)), glyph[..., 0])
        for number, glyph in enumerate(source.pixels)
    ]
    return ArrayDataset("scattered", np.stack(pictures)[..., None], source.targets)


def scatter(generator: Generator, glyph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(28, 28) a picture of one digit.

    glyph  (8, 8), bright ink on black
    """
    turn = np.deg2rad(generator.uniform(-TURN, TURN))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    slanted = np.array([[1, generator.uniform(-SLANT, SLANT)], [0, 1]])
    change = generator.uniform(*SCALE) * turned @ slanted
    reach = np.abs(change) @ INK  # so far it goes from its middle
    middle = generator.uniform(reach, SIDE - reach)
    shift = middle - change @ np.full(2, (len(glyph) - 1) / 2)
    placed = np.column_stack([change, shift])
    ink = cv2.warpAffine(
        glyph.astype(np.float32) / 255, placed, (SIDE, SIDE), flags=cv2.INTER_CUBIC
    )

    mottled = generator.uniform(0, 1, (MOTTLES, MOTTLES)).astype(np.float32)
    paper = np.asarray(cv2.resize(mottled, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    picture = generator.uniform(0, 0.2) + generator.uniform(0.1, 0.35) * paper
    picture = picture + generator.uniform(*CONTRAST) * ink.clip(0, 1)
    picture = (picture + generator.normal(0, NOISE, picture.shape)).clip(0, 1)
    dark = generator.random() < 0.5
    seen: NDArray[np.uint8] = np.rint(255 * (1 - picture if dark else picture)).astype(np.uint8)
    return seen

"""Blur: out of focus, moved while the shutter was open, zoomed while it was.

A kernel is a sum of points that each fall between four pixels: a blur of half a pixel is one, too.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
POINTS = 256  # of a kernel
ZOOMS = 12  # pictures that a zoom is the mean of


def defocus(image: Floats, radius: float, random: np.random.Generator) -> Floats:
    """radius  of the circle that a point becomes, as a share of the shorter side"""
    number = np.arange(POINTS) + 0.5
    angle = number * np.pi * (3 - np.sqrt(5))  # a sunflower fills a disk evenly
    reach = radius * min(image.shape[:2]) * np.sqrt(number / POINTS)
    return spread(image, reach * np.cos(angle), reach * np.sin(angle))


def motion(image: Floats, length: float, random: np.random.Generator) -> Floats:
    """length  of the way, as a share of the shorter side"""
    angle = random.random() * np.pi
    along = length * min(image.shape[:2]) * np.linspace(-0.5, 0.5, POINTS)
    return spread(image, along * np.cos(angle), along * np.sin(angle))


def zoom(image: Floats, factor: float, random: np.random.Generator) -> Floats:
    """factor  by which the last picture is larger than the first"""
    height, width = image.shape[:2]
    total = np.zeros_like(image)
    for scale in np.linspace(1, 1 + factor, ZOOMS):
        middle = (width - 1) / 2, (height - 1) / 2
        matrix = cv2.getRotationMatrix2D(middle, 0, float(scale))
        total += _shaped(cv2.warpAffine(image, matrix, (width, height)), image)
    return total / np.float32(ZOOMS)


def spread(image: Floats, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> Floats:
    """The mean of the image at these offsets in pixels; edges are mirrored."""
    reach = int(np.ceil(max(np.abs(xs).max(), np.abs(ys).max()))) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    left, top = np.floor(xs).astype(int), np.floor(ys).astype(int)
    right, low = xs - left, ys - top
    for dx, across in ((0, 1 - right), (1, right)):
        for dy, down in ((0, 1 - low), (1, low)):
            np.add.at(kernel, (top + dy + reach, left + dx + reach), across * down)
    kernel /= kernel.sum()
    blurred = cv2.filter2D(image, -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT)
    return _shaped(blurred, image)


def _shaped(picture: NDArray[np.generic], like: Floats) -> Floats:
    """With the axis of one channel, which OpenCV drops."""
    return picture.reshape(like.shape).astype(np.float32, copy=False)

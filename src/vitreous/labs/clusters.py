"""Segmentation by clustering: pixels that are alike in color and place are one region, unlabeled.

k-means alternates between giving each pixel to its nearest mean and moving the means; how much
place counts beside color decides whether a cluster may be scattered over the image. Mean shift
moves each pixel to the mean of those around it until it comes to rest, and needs no number of
regions. Neither knows what it sees: a shadow is a region, and a zebra is many.
Lloyd (1982); Arthur and Vassilvitskii (2007), "k-means++"; Comaniciu and Meer (2002), "Mean shift".
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vitreous.drawing.palette import palette
from vitreous.errors import UsageError
from vitreous.labs.picture import QUIET, canvas

ROUNDS = 100  # of k-means, at most
STILL = 1e-6  # share of the distances by which a last round still changes them

Labels = NDArray[np.int64]


def features(image: NDArray[np.uint8], place: float) -> NDArray[np.float64]:
    """(h·w, 5) of each pixel: its color in CIE Lab, in which equal distances look alike, and its
    place, which counts `place` times the diagonal's share of 100.
    """
    height, width = image.shape[:2]
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    y, x = np.mgrid[:height, :width].reshape(2, -1)
    scale = place * 100 / float(np.hypot(height, width))
    return np.column_stack([lab.astype(np.float64), scale * x, scale * y])


def k_means(points: NDArray[np.float64], count: int, seed: int = 0) -> tuple[Labels, float]:
    """(N,) number of the cluster of each point (N, D), and the sum of squared distances.

    Raises UsageError for a number that cannot be.
    """
    if not 1 <= count <= len(points):
        raise UsageError(
            f"{count} clusters of {len(points)} points",
            where="count",
            remedy="Give at least 1, and at most as many as there are points.",
        )
    random = np.random.default_rng(seed)
    means = points[random.integers(len(points))][None]
    while len(means) < count:  # far points are likely to be the next mean
        away = _squares(points, means).min(axis=1)
        total = away.sum()
        share = away / total if total > 0 else np.full(len(points), 1 / len(points))
        means = np.concatenate([means, points[random.choice(len(points), p=share)][None]])
    before = np.inf
    for _ in range(ROUNDS):
        squares = _squares(points, means)
        labels = squares.argmin(axis=1)
        spread = float(squares[np.arange(len(points)), labels].sum())
        if before - spread <= STILL * spread:
            break
        before = spread
        sizes = np.bincount(labels, minlength=count)
        sums = np.column_stack(
            [np.bincount(labels, column, minlength=count) for column in points.T]
        )
        means = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], means)
    return labels, spread


def mean_shift(image: NDArray[np.uint8], place: float = 10, color: float = 20) -> Labels:
    """(h, w) number of the region of each pixel.

    place, color  radius of what a pixel's mean is of, in pixels, and in values of the channels
    """
    still = cv2.pyrMeanShiftFiltering(np.ascontiguousarray(image), place, color).astype(np.int64)
    height, width = image.shape[:2]
    number = np.arange(height * width).reshape(height, width)
    pairs = []
    for one, other in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        alike = np.abs(still[one] - still[other]).max(axis=2) <= color / 2
        pairs.append(np.stack([number[one][alike], number[other][alike]]))
    first, second = np.concatenate(pairs, axis=1)
    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(number.size,) * 2)
    _, labels = connected_components(links, directed=False)
    return np.asarray(labels, np.int64).reshape(height, width)


def plot(path: str | Path, image: NDArray[np.uint8], found: dict[str, Labels]) -> Path:
    """Draw the image beside each partition, each region in its mean color and in one of its own."""
    height, width = image.shape[:2]
    with canvas(path, 3.2 * (1 + len(found)), 6.4 * height / width + 0.6, dpi=120) as drawn:
        axes = drawn.subplots(2, 1 + len(found))
        for one in axes.flat:
            one.axis("off")
        axes[0, 0].imshow(image)
        axes[0, 0].set_title("photo")
        told = "Above: each region\nin its mean color.\nBelow: each in a\ncolor of its own."
        axes[1, 0].text(1, 0.5, told, ha="right", va="center", color=QUIET, linespacing=1.6)
        for column, (title, labels) in enumerate(found.items(), 1):
            axes[0, column].imshow(_mean_colors(image, labels))
            axes[0, column].set_title(title)
            numbers = np.random.default_rng(0).permutation(labels.max() + 1)[labels]
            axes[1, column].imshow(palette(int(labels.max()) + 1)[numbers])
    return Path(path)


def _mean_colors(image: NDArray[np.uint8], labels: Labels) -> NDArray[np.uint8]:
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat), 1)
    means = [np.bincount(flat, image[..., channel].ravel()) / sizes for channel in range(3)]
    return np.rint(np.stack(means, axis=1)).astype(np.uint8)[labels]


def _squares(points: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, K) squared distances."""
    return np.stack([np.square(points - mean).sum(axis=1) for mean in means], axis=1)

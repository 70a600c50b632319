"""Mean, deviation and covariance of the training images, in one pass and without rounding.

They belong to the training part alone: computed over anything else, they would tell the network
about images that it has to be judged by. Bytes are counted and multiplied as whole numbers, so the
result does not depend on how the images are cut into chunks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vitreous.errors import DataError

Float = NDArray[np.float64]

COUNTABLE = 1 << 24  # pixels: OpenCV counts in float32, which is exact as far as this


def statistics(chunks: Iterable[NDArray[np.uint8]]) -> tuple[Float, Float]:
    """Mean and standard deviation of each channel, of values in [0, 1].

    chunks  rows (B, H, W, C) uint8; of the training part alone
    return  (C,) and (C,); a constant channel has the deviation 1, by which one can divide

    Raises DataError if there are no rows.
    """
    counts: NDArray[np.int64] | None = None  # (C, 256): how often each channel has each value
    for rows in chunks:
        if counts is None:
            counts = np.zeros((rows.shape[3], 256), np.int64)
        step = max(1, COUNTABLE // (rows.shape[1] * rows.shape[2]))
        for first in range(0, len(rows), step):
            image = rows[first : first + step].reshape(-1, *rows.shape[2:])
            for channel, count in enumerate(counts):
                histogram = cv2.calcHist([image], [channel], None, [256], [0, 256])
                count += np.ravel(histogram).astype(np.int64)
    if counts is None or not counts.any():
        raise _nothing()
    values = np.arange(256)
    total = int(counts[0].sum())
    mean, std = np.zeros(len(counts)), np.ones(len(counts))
    for channel, each in enumerate(counts):
        first, second = int(each @ values), int(each @ values**2)  # Python's whole numbers
        mean[channel] = first / (255 * total)
        variance = total * second - first * first
        if variance:
            std[channel] = np.sqrt(variance / (total * total)) / 255
    return mean, std


@dataclass(frozen=True)
class Whitening:
    """A linear map after which images have zero mean and the identity as their covariance.

    mean    (D,) with D = H · W · C
    matrix  (K, D): K = D for ZCA; for PCA the number of directions in which images vary
    """

    mean: Float
    matrix: Float

    def __call__(self, rows: NDArray[np.uint8]) -> Float:
        """Rows (B, H, W, C) uint8 to (B, K)."""
        whitened: Float = (rows.reshape(len(rows), -1) / 255 - self.mean) @ self.matrix.T
        return whitened


def whitening(
    chunks: Iterable[NDArray[np.uint8]],
    kind: Literal["pca", "zca"] = "zca",
    *,
    epsilon: float = 0.0,
) -> Whitening:
    """The whitening of the training images.

    With the covariance E Λ Eᵀ: PCA gives Λ^-½ Eᵀ, largest variance first; ZCA gives E Λ^-½ Eᵀ, the
    whitened images that are nearest to the images themselves. Directions without variance are left
    out.

    epsilon  is added to each variance, which spares directions that are mostly noise

    Bell and Sejnowski (1997), "The independent components of natural scenes are edge filters".
    """
    total, first, second = 0, np.zeros(0), np.zeros((0, 0))
    for rows in chunks:
        values = rows.reshape(len(rows), int(np.prod(rows.shape[1:]))).astype(np.float64)
        if not total:
            first, second = np.zeros(values.shape[1]), np.zeros((values.shape[1],) * 2)
        total += len(values)
        first += values.sum(axis=0)
        second += values.T @ values  # whole numbers below 2⁵³: nothing is rounded
    if not total:
        raise _nothing()
    mean = first / total
    covariance = (second / total - np.outer(mean, mean)) / 255**2
    variances, directions = np.linalg.eigh(covariance)
    variances, directions = variances[::-1], directions[:, ::-1].T  # (D,), (D, D) by rows
    kept = variances > max(variances[0], 0) * len(variances) * np.finfo(np.float64).eps * 16
    directions = directions[kept]
    matrix = directions / np.sqrt(variances[kept] + epsilon)[:, None]
    return Whitening(mean / 255, directions.T @ matrix if kind == "zca" else matrix)


def fingerprint(*arrays: Float) -> str:
    """A hash of statistics: equal exactly if every number is."""
    state = blake2b(digest_size=16)
    for array in arrays:
        state.update(repr(array.shape).encode() + np.ascontiguousarray(array, np.float64).tobytes())
    return state.hexdigest()


def _nothing() -> DataError:
    return DataError(
        "there are no training images to take statistics of",
        remedy="Give the training part at least one image.",
    )

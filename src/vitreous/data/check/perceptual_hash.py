"""Perceptual hash: near-duplicates are proposed by it and proven by their pixels.

The hash holds the signs of an image's low frequencies: it survives another size, another quality
and another brightness. Hashes that differ in few bits are found by sorting them under several
orders of their bits, where near ones become neighbors: N log N work, never N². What the hash
proposes counts only if the images themselves correlate, in their shades and in their edges.

Zauner (2010), "Implementation and benchmarking of perceptual image hash functions".
Charikar (2002), "Similarity estimation techniques from rounding algorithms" (the search).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Pixels

SIDE = 32  # of the small image that hash and proof look at
SMALLEST = 32  # pixels: in smaller images different things look the same
BITS = 64
FAR = 8  # bits in which the hashes of a pair may differ
ORDERS = 24  # of the bits: finds 9 of 10 pairs that differ in 8 bits, all that differ in 4
NEIGHBORS = 8
SHADES, EDGES = 0.95, 0.6  # least correlations of a pair

ONES = np.array([number.bit_count() for number in range(256)], np.uint8)


def thumbnail(image: Pixels) -> NDArray[np.float32]:
    """(SIDE, SIDE) shades of gray; many channels are averaged."""
    gray = image.mean(axis=2) if image.shape[2] != 3 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def fingerprint(small: NDArray[np.float32]) -> np.uint64:
    """64 bits: which of the 8 × 8 lowest frequencies lie above their median."""
    waves = cv2.dct(small)[:8, :8].ravel()
    above = waves > np.median(waves[1:])
    above[0] = False  # the mean brightness
    return np.uint64(int.from_bytes(np.packbits(above).tobytes()))


def candidates(prints: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(P, 2) pairs, the lower index first, whose fingerprints differ in at most FAR bits."""
    bits = np.unpackbits(prints.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    draw = np.random.default_rng(0)
    count = len(prints)
    found = np.zeros(0, np.int64)  # a pair as one number, lower * count + higher
    for _ in range(ORDERS):
        shuffled = np.packbits(bits[:, draw.permutation(BITS)], axis=1)
        keys = np.ascontiguousarray(shuffled).view(">u8").ravel()
        order = np.argsort(keys, kind="stable")
        pairs = [found]
        for step in range(1, min(NEIGHBORS, count - 1) + 1):
            one, other = order[:-step], order[step:]
            near = differing(prints[one], prints[other]) <= FAR
            one, other = one[near], other[near]
            pairs.append(np.minimum(one, other) * count + np.maximum(one, other))
        found = np.unique(np.concatenate(pairs))
    return np.stack(np.divmod(found, max(count, 1)), axis=1)


def differing(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The number of bits in which fingerprints differ."""
    bits = ONES[(one ^ other).view(np.uint8).reshape(-1, 8)]
    return np.asarray(bits.sum(axis=1), np.int64)


def alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Do two thumbnails show the same image?"""
    if _correlation(one, other) < SHADES:
        return False
    return _correlation(_edges(one), _edges(other)) >= EDGES


def _edges(small: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.Laplacian(small, cv2.CV_32F), np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / norm if norm else 0.0

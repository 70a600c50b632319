"""Perceptual hash: near-duplicates are proposed by it and proven by their pixels.

The hash holds the signs of an image's low frequencies: it survives another size, another quality
and another brightness. A border that was cut off moves all of them, so each image has a hash of
the whole and of some slightly smaller frames, and the whole of one is sought among the frames of
the others. Hashes that differ in few bits are found by sorting them under several orders of their
bits, where near ones become neighbors: N log N work, never N². What the hash proposes counts only
if the images themselves, laid over each other, correlate in their shades and in their edges.

Zauner (2010), "Implementation and benchmarking of perceptual image hash functions".
Charikar (2002), "Similarity estimation techniques from rounding algorithms" (the search).
Evangelidis and Psarakis (2008), "Parametric image alignment using enhanced correlation coefficient
maximization" (the proof).
"""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Pixels

SIDE = 64  # of the small image that hash and proof look at
SMALLEST = 32  # pixels: in smaller images different things look the same
BITS = 64
WAVES = 8  # lowest frequencies along each axis
TRIM = 0.04  # what a frame leaves out at a border; a hash bears a little more or less
FAR = 8  # bits in which the hashes of a pair may differ
ORDERS = 24  # of the bits: finds 9 of 10 pairs that differ in 8 bits, all that differ in 4
NEIGHBORS = 8
SHADES, EDGES = 0.95, 0.6  # least correlations of a pair
SHARED = 0.75  # least part of either picture that the other shows as well


def _waves(start: float, stop: float) -> NDArray[np.float32]:
    """(WAVES, SIDE) cosines over [start, stop) of an axis from 0 to 1, averaged over pixels."""
    edges = (np.clip(np.arange(SIDE + 1) / SIDE, start, stop) - start) / (stop - start)
    numbers = np.arange(1, WAVES)[:, None]
    above = np.sqrt(2) * np.sin(np.pi * numbers * edges) / (np.pi * numbers)
    return np.diff(np.vstack([edges, above])).astype(np.float32)


_INNER = (_waves(TRIM, 1 - TRIM),) * 2
_CORNERS = itertools.product((_waves(0, 1 - TRIM), _waves(TRIM, 1)), repeat=2)
_ROWS, _COLUMNS = map(np.stack, zip((_waves(0, 1),) * 2, _INNER, *_CORNERS, strict=True))
FRAMES = len(_ROWS)  # the whole image, then without all borders, then without those at a corner


def thumbnail(image: Pixels) -> NDArray[np.float32]:
    """(SIDE, SIDE) shades of gray; many channels are averaged."""
    gray = image.mean(axis=2) if image.shape[2] != 3 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def fingerprint(small: NDArray[np.float32]) -> NDArray[np.uint64]:
    """(FRAMES,) of 64 bits: which of the 8 × 8 lowest frequencies lie above their median."""
    waves = (_ROWS @ small @ _COLUMNS.transpose(0, 2, 1)).reshape(FRAMES, BITS)
    above = waves > np.median(waves[:, 1:], axis=1, keepdims=True)
    above[:, 0] = False  # the mean brightness
    return np.packbits(above, axis=1).view(">u8").astype(np.uint64).ravel()


def candidates(prints: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(P, 2) pairs, the lower index first, the whole of one near to a frame of the other.

    prints  (N, FRAMES) fingerprints; they are near if at most FAR bits differ
    """
    bits = np.unpackbits(prints.astype(">u8").view(np.uint8).reshape(*prints.shape, 8), axis=2)
    draw = np.random.default_rng(0)
    count = len(prints)
    found = np.zeros(0, np.int64)  # a pair as one number, lower * count + higher
    for _ in range(ORDERS):
        shuffled = np.packbits(bits[:, :, draw.permutation(BITS)], axis=2)
        keys = np.ascontiguousarray(shuffled).view(">u8")[:, :, 0].astype(np.uint64)
        order = np.argsort(keys[:, 0], kind="stable")
        keys = keys[order]
        wholes, ranks = keys[:, 0], np.arange(count)
        pairs = [found]
        for frame in range(prints.shape[1]):
            if frame == 0:  # neighbors are mutual
                places, steps = ranks, range(1, NEIGHBORS + 1)
            else:
                places = np.searchsorted(wholes, keys[:, frame])
                steps = range(-NEIGHBORS // 2, NEIGHBORS // 2)
            for step in steps:
                one, other = ranks, places + step
                there = (other >= 0) & (other < count) & (other != one)
                one, other = one[there], other[there]
                near = differing(keys[one, frame], wholes[other]) <= FAR
                one, other = order[one[near]], order[other[near]]
                pairs.append(np.minimum(one, other) * count + np.maximum(one, other))
        found = np.unique(np.concatenate(pairs))
    return np.stack(np.divmod(found, max(count, 1)), axis=1)


def differing(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The number of bits in which fingerprints differ."""
    # Sums of neighboring bits, of pairs of these, of fours; a product adds up the bytes.
    apart = one ^ other
    apart = apart - (apart >> np.uint64(1) & np.uint64(0x5555555555555555))
    twos = np.uint64(0x3333333333333333)
    apart = (apart & twos) + (apart >> np.uint64(2) & twos)
    apart = apart + (apart >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.asarray(apart * np.uint64(0x0101010101010101) >> np.uint64(56), np.int64)


def distances(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(P,) bits in which the whole of one and the nearest frame of the other differ.

    one, other  (P, FRAMES) fingerprints
    """
    there, back = differing(one, other[:, :1]), differing(one[:, :1], other)
    return np.asarray(np.minimum(there, back).min(axis=1), np.int64)


def alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Do two thumbnails show the same image, up to a border that one of them lacks?"""
    if _correlate(one, other, np.ones(one.shape, bool)):
        return True
    laid = _lay_over(one, other)
    return laid is not None and _correlate(one, *laid)


def _lay_over(
    one: NDArray[np.float32], other: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """The second image, moved and stretched to lie on the first, and where it shows anything."""
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
    matrix: NDArray[Any] = np.eye(2, 3, dtype=np.float32)
    everywhere = np.ones(one.shape, np.uint8)
    try:
        cv2.findTransformECC(one, other, matrix, cv2.MOTION_AFFINE, stop, everywhere, 5)
    except cv2.error:
        return None  # they have so little in common that nothing fits
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(other, matrix, (SIDE, SIDE), flags=how)
    inside = cv2.warpAffine(np.ones_like(other), matrix, (SIDE, SIDE), flags=how) > 0.99
    shared = inside.mean() * min(1, abs(float(np.linalg.det(matrix[:, :2]))))
    return (np.asarray(moved, np.float32), inside) if shared >= SHARED else None


def _correlate(
    one: NDArray[np.float32], other: NDArray[np.float32], inside: NDArray[np.bool_]
) -> bool:
    if _correlation(one[inside], other[inside]) < SHADES:
        return False
    # Coarse edges, which survive compression; those at a border are of the border.
    within = _half(inside) == 1
    within = cv2.erode(within.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return _correlation(_edges(one)[within], _edges(other)[within]) >= EDGES


def _half(small: NDArray[Any]) -> NDArray[np.float32]:
    size = (SIDE // 2, SIDE // 2)
    return np.asarray(cv2.resize(small.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def _edges(small: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.Laplacian(_half(small), cv2.CV_32F), np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / norm if norm else 0.0

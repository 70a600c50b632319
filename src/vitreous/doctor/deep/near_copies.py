"""Near duplicates of any size, also mirrored or turned: more of them than a plain check looks for.

The perceptual hashes of an image and of its mirror images are sought among those of all others, and
what they propose is proven by the pixels, as for any look-alikes. Small pictures need more than
that: of digits, different ones look alike, so the proof asks for nearly every pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.pack import Rows
from vitreous.data.check import perceptual_hash as likeness

WAYS: dict[str, tuple[slice, slice]] = {
    "": (slice(None), slice(None)),
    "mirrored left to right": (slice(None), slice(None, None, -1)),
    "mirrored upside down": (slice(None, None, -1), slice(None)),
    "turned by half": (slice(None, None, -1), slice(None, None, -1)),
}
STRICT = 0.985  # correlation that pictures of fewer than `perceptual_hash.SMALLEST` pixels need
FLAT = 4.0  # gray levels: images that deviate by less show nothing
MOST = 50_000  # pairs that are compared by their pixels


@dataclass(frozen=True)
class NearCopy:
    """Two images that show the same; how: in words, "" where neither is mirrored or turned."""

    one: int
    other: int
    how: str = ""


def thumbnails(rows: Rows, ids: NDArray[np.int64], chunk: int = 512) -> NDArray[np.uint8]:
    """(N, SIDE, SIDE) shades of gray of these rows, (h, w, C) each."""
    found = np.zeros((len(ids), likeness.SIDE, likeness.SIDE), np.uint8)
    for first in range(0, len(ids), chunk):
        for place, row in enumerate(rows[ids[first : first + chunk]], first):
            found[place] = np.rint(likeness.thumbnail(row))
    return found


def near_copies(
    small: NDArray[np.uint8],
    *,
    sides: NDArray[np.int64] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[NearCopy]:
    """Pairs that show the same, by position; each pair once. About N log N work.

    small  (N, SIDE, SIDE) thumbnails of images that differ, see `thumbnails`
    sides  (N,) pixels of a side that each really has, for small pictures: nearly every pixel has to
           agree, of the two as they are at the size of the smaller one
    """
    shown = np.flatnonzero(small.std(axis=(1, 2)) >= FLAT)
    if len(shown) < 2:
        return []
    prints = np.concatenate(
        [
            np.stack(
                [likeness.fingerprint(image[way].astype(np.float32)) for image in small[shown]]
            )
            for way in WAYS.values()
        ],
        axis=1,
    )
    pairs = likeness.candidates(prints)
    apart = likeness.distances(prints[pairs[:, 0]], prints[pairs[:, 1]])
    order = np.argsort(apart, kind="stable")[:MOST]
    found = []
    for place, (one, other) in enumerate(pairs[order].tolist()):
        side = None if sides is None else int(min(sides[shown[one]], sides[shown[other]]))
        how = _alike(small, prints, shown, one, other, side)
        if how is not None:
            first, second = sorted((int(shown[one]), int(shown[other])))
            found.append(NearCopy(first, second, how))
        if progress and (place % 100 == 99 or place + 1 == len(order)):
            progress(place + 1, len(order))
    return found


def _alike(
    small: NDArray[np.uint8],
    prints: NDArray[np.uint64],
    shown: NDArray[np.int64],
    one: int,
    other: int,
    side: int | None,
) -> str | None:
    """How two images show the same; None where they do not."""
    first, second = (small[shown[place]].astype(np.float32) for place in (one, other))
    frames = likeness.FRAMES
    for number, (how, way) in enumerate(WAYS.items()):
        columns = slice(number * frames, (number + 1) * frames)
        # The mirrored frames of either, beside the whole of the other.
        nearest = min(
            int(likeness.differing(prints[one, columns], prints[other, :1]).min()),
            int(likeness.differing(prints[other, columns], prints[one, :1]).min()),
        )
        if nearest > likeness.FAR:
            continue
        turned = np.ascontiguousarray(second[way])
        if side is not None:
            if _correlation(first, turned, side) >= STRICT:
                return how
        elif likeness.alike(first, turned):
            return how
    return None


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32], side: int) -> float:
    """Of two thumbnails at this size."""
    size = (min(side, likeness.SIDE),) * 2
    left, right = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (one, other))
    return float(np.corrcoef(left.ravel(), right.ravel())[0, 1])

"""Boundary F1: do the outlines of regions lie where they should? Overlap hardly notices.

    F1 = 2 P R / (P + R)

P is the share of the answer's outline of a class that lies within a tolerance of the true one, R
the share of the true one that lies within it of the answer's. The outline are the pixels of a class
beside a pixel of another one; the border of the image is none, and neither is what is ignored.
Csurka, Larlus and Perronnin (2013), "What is a good evaluation measure for semantic segmentation?",
BMVC; the tolerance is theirs, 0.75 % of the diagonal, and so is the mean: of the classes that an
image shows, then of the images.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vitreous.errors import ShapeError

TOLERANCE = 0.0075  # of the diagonal of the image


def outline(
    mask: NDArray[np.integer], number: int, counted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(H, W) the pixels of a class with a neighbor, by a side, of another one; both counted."""
    here = (mask == number) & counted
    other = (mask != number) & counted
    found = np.zeros_like(here)
    found[1:] |= other[:-1]
    found[:-1] |= other[1:]
    found[:, 1:] |= other[:, :-1]
    found[:, :-1] |= other[:, 1:]
    return np.asarray(found & here)


def boundary_counts(
    answer: NDArray[np.integer],
    truth: NDArray[np.integer],
    num_classes: int,
    *,
    ignore: int | None = None,
    tolerance: float = TOLERANCE,
) -> NDArray[np.int32]:
    """(4, L) of one image and each class: pixels of the answer's outline, how many of them lie
    within the tolerance of the true one; pixels of the true one, how many lie within it of the
    answer's.

    answer, truth  (H, W) class numbers
    ignore         the number of pixels that count nowhere
    tolerance      as a share of the diagonal

    Raises ShapeError for masks of two sizes.
    """
    if answer.shape != truth.shape or answer.ndim != 2:
        raise ShapeError(
            f"masks {answer.shape} and {truth.shape}",
            where="truth",
            remedy="Give both as (H, W), of one size.",
        )
    reach = tolerance * float(np.hypot(*truth.shape))
    counted = np.ones(truth.shape, bool) if ignore is None else truth != ignore
    counts = np.zeros((4, num_classes), np.int32)
    for number in np.union1d(np.unique(answer[counted]), np.unique(truth[counted])):
        ours, theirs = (outline(mask, int(number), counted) for mask in (answer, truth))
        counts[:, number] = (
            ours.sum(),
            (ours & near(theirs, reach)).sum(),
            theirs.sum(),
            (theirs & near(ours, reach)).sum(),
        )
    return counts


def near(pixels: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """(H, W) which pixels lie within so many of one that is marked."""
    if not pixels.any():
        return np.zeros_like(pixels)
    away = cv2.distanceTransform((~pixels).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= reach + 1e-4)


def boundary_f1(counts: NDArray[np.int32]) -> NDArray[np.float64]:
    """(N,) the mean F1 of the outlines in each image; NaN for one whose truth has no outline.

    counts  (N, 4, L)
    """
    ours, right, theirs, found = (counts[:, k].astype(np.float64) for k in range(4))
    precision = right / np.maximum(ours, 1)
    recall = found / np.maximum(theirs, 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    shown = theirs > 0
    number = shown.sum(axis=1)
    means: NDArray[np.float64] = (f1 * shown).sum(axis=1) / np.where(number > 0, number, np.nan)
    return means

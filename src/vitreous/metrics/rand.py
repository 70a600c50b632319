"""The foreground-restricted Rand score: are two pixels of cells one cell in both, or in neither?

    V = Σ_ij p_ij² / (½ Σ_i s_i² + ½ Σ_j t_j²)

p_ij is the share of the truth's foreground that lies in region i of the answer and region j of the
truth, s and t its sums. A membrane that is broken at one pixel joins two cells, which costs much
here and next to nothing in the share of right pixels.
Arganda-Carreras et al. (2015), "Crowdsourcing the creation of image segmentation algorithms for
connectomics", Frontiers in Neuroanatomy 9:142.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vitreous.errors import DataError, ShapeError


def regions(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(H, W) numbers of the connected regions of a mask, by their sides; 0 outside of it."""
    _, numbers = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return np.asarray(numbers, np.int64)


def foreground_rand(
    answer: NDArray[np.integer], truth: NDArray[np.integer], *, foreground: int = 1
) -> float:
    """V of two masks (H, W) of class numbers, in [0, 1].

    foreground  the class whose connected regions are compared. Pixels of it that the answer calls
                something else are one more region of the answer

    Raises ShapeError for masks of two sizes, DataError where the truth has no foreground.
    """
    if answer.shape != truth.shape or answer.ndim != 2:
        raise ShapeError(
            f"masks {answer.shape} and {truth.shape}",
            where="truth",
            remedy="Give both as (H, W), of one size.",
        )
    cells = truth == foreground
    if not cells.any():
        raise DataError(
            f"the truth shows no pixel of class {foreground}",
            where="truth",
            remedy="Leave the image out, or say which class is the foreground.",
        )
    theirs, ours = regions(cells)[cells], regions(answer == foreground)[cells]
    pairs = np.unique(np.stack([ours, theirs]), axis=1, return_counts=True)[1]
    together = _squares(pairs)
    return together / (_squares(np.bincount(ours)) / 2 + _squares(np.bincount(theirs)) / 2)


def _squares(counts: NDArray[np.int64]) -> float:
    return float(np.square(counts.astype(np.float64)).sum())

"""Non-maximum suppression (NMS): of boxes that tell of the same thing, the surest one stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitreous.metrics.box_matching import overlaps


def suppressed(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    numbers: NDArray[np.integer],
    overlap: float,
) -> NDArray[np.int64]:
    """Which boxes stay, the surest first: each takes away the less sure ones of its class that
    overlap it by more than this IoU. Of equal scores the first comes first.

    boxes   (n, 4); scores (n,); numbers (n,) of their classes
    return  (m,) places of the boxes that stay
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    ranked, kinds = np.asarray(boxes)[order], np.asarray(numbers)[order]
    taken = (overlaps(ranked, ranked) > overlap) & (kinds[:, None] == kinds)
    left = np.ones(len(order), bool)
    for place in range(len(order)):
        if left[place]:
            left[place + 1 :] &= ~taken[place, place + 1 :]
    return order[left]

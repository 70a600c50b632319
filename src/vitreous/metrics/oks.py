"""OKS, object keypoint similarity: how near points are, by the care with which people mark them.

    OKS = 1/|S| · Σ_{p in S} exp(-d_p² / (2 a (2 σ_p)²))

S are the seen points of a thing, d_p the distance of the answer, a the area of the thing, and σ_p
how far two people who mark the same point are apart, as a share of √a: little for an eye, much for
a hip. Lin et al. (2014), "Microsoft COCO", arXiv:1405.0312; as in pycocotools' `computeOks`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitreous.errors import ShapeError

SIGMAS = {
    **{"nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072},
    **{"wrist": 0.062, "hip": 0.107, "knee": 0.087, "ankle": 0.089},
}
"""COCO's, by the part of the body that a name speaks of."""

OTHER = 0.079  # of any other point, as CrowdPose has it for head and neck

Numbers = NDArray[np.float64]


def sigmas_of(names: Sequence[str]) -> Numbers:
    """(P,) σ of each point: COCO's where its name has such a part, else `OTHER`."""
    found = []
    for name in names:
        words = re.findall("[a-z]+", name.lower())
        found.append(next((SIGMAS[word] for word in words if word in SIGMAS), OTHER))
    return np.array(found)


def oks(
    answers: ArrayLike,
    truth: ArrayLike,
    sigmas: ArrayLike,
    areas: ArrayLike | None = None,
) -> Numbers:
    """(N,) OKS of each image, in [0, 1]; NaN where no point is seen or there is no area.

    answers  (N, P, 2) x and y
    truth    (N, P, 3) x, y, and whether the point is seen
    sigmas   (P,)
    areas    (N,) of the things, in pixels; None takes the box around the seen points, which is
             larger than a body and forgives more

    Raises ShapeError if these do not fit together.
    """
    given, true = np.asarray(answers, np.float64), np.asarray(truth, np.float64)
    spread = np.asarray(sigmas, np.float64)
    if given.shape[:-1] != true.shape[:-1] or spread.shape != true.shape[1:2]:
        raise ShapeError(
            f"answers {given.shape}, truth {true.shape} and sigmas {spread.shape}",
            where="sigmas",
            remedy="Give (N, P, 2), (N, P, 3) and (P,).",
        )
    seen = true[..., 2] > 0
    size = extents(true) if areas is None else np.asarray(areas, np.float64)
    squares = ((given - true[..., :2]) ** 2).sum(axis=2)
    area = np.where(size > 0, size, np.nan)[:, None]
    near = np.exp(-squares / (2 * spread) ** 2 / (area + np.spacing(1)) / 2)
    count = seen.sum(axis=1)
    total: Numbers = np.where(seen, near, 0).sum(axis=1) / np.where(count, count, np.nan)
    return total


def extents(truth: NDArray[Any]) -> Numbers:
    """(N,) the area of the box around the seen points; 0 where there are none, or one alone."""
    seen = truth[..., 2:] > 0
    low = np.where(seen, truth[..., :2], np.inf).min(axis=1)
    high = np.where(seen, truth[..., :2], -np.inf).max(axis=1)
    sides = np.where(np.isfinite(high), high - low, 0)
    area: Numbers = sides.prod(axis=1)
    return area

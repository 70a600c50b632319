"""Turned images: are images trained on turned or mirrored, and does that change what they show?

Training images that come nearer to those of evaluation when they are turned back were turned. That
is harmless for cats, and not for a 6, which becomes a 9: then the turned images of one class look
like those of another, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.doctor.evidence import Turned
from vitreous.doctor.label_agreement import mutual

CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "turned by half": lambda images: images.flip(1, 2),
    "mirrored left to right": lambda images: images.flip(2),
    "mirrored upside down": lambda images: images.flip(1),
    "turned by a quarter": lambda images: images.rot90(1, (1, 2)),
}

CLEARLY = 0.9  # of the distance as it is: so near must a changed image come to count


def turned(
    training: NDArray[np.float32],
    labels: NDArray[np.int64],
    held: NDArray[np.float32],
    answers: NDArray[np.int64],
) -> Turned | None:
    """The change that most training images have undergone, and the two classes that it makes alike,
    more than they are as they stand; None of thumbnails that are not square, or too few classes.

    training, held   (N, D), (M, D) thumbnails
    labels, answers  (N,), (M,) their classes; those of evaluation as the network gives them
    """
    side = isqrt(training.shape[1])
    if side**2 != training.shape[1] or side < 2:
        return None
    images = torch.from_numpy(training).view(-1, side, side)
    upright = torch.from_numpy(held).view(-1, side, side)
    flat = upright.flatten(1)
    as_they_are = torch.cdist(images.flatten(1), flat).amin(1)
    beside = answers[torch.cdist(flat, flat).fill_diagonal_(torch.inf).argmin(1).numpy()]
    most: Turned | None = None
    for name, change in CHANGES.items():
        nearest = answers[torch.cdist(change(upright).flatten(1), flat).argmin(1).numpy()]
        found = mutual(answers, nearest, beside, int(answers.max()) + 1)
        if found is None:
            return None
        one, other, alike = found
        # Classes that the change exchanges do not tell whether it was made; others do.
        telling = torch.from_numpy((labels != one) & (labels != other))
        nearer = torch.cdist(change(images).flatten(1), flat).amin(1) < CLEARLY * as_they_are
        share = float(nearer[telling].float().mean()) if bool(telling.any()) else 0.0
        if most is None or share > most.share:
            most = Turned(name, share, (one, other), alike)
    return most

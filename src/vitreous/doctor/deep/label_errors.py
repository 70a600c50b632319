"""Label errors by confident learning: which labels do honest probabilities contradict?

A class that a network is shy about is not the same as a wrong label, so each class has a threshold
of its own: the mean probability that images with this label get. An image counts as of the class
whose threshold it passes (of several, the most probable); where that is not its label, the label is
suspicious. The probabilities must be out of fold: a network that has learned a label defends it.

Northcutt, Jiang & Chuang (2021), "Confident learning: estimating uncertainty in dataset labels",
arXiv:1911.00068.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Suspicion:
    """Labels that the images contradict, the surest first.

    rows     (S,) positions among the images
    guesses  (S,) the class that each image counts as
    margins  (S,) probability of the guess minus that of the label, in (-1, 1]
    joint    (L, L) images by label and by the class that they count as; those that pass no
             threshold are in none
    """

    rows: NDArray[np.int64]
    guesses: NDArray[np.int64]
    margins: NDArray[np.float64]
    joint: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


def suspicious(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Suspicion:
    """Labels that out-of-fold probabilities contradict.

    probabilities  (N, L), each row about an image that its network has not seen
    labels         (N,) class numbers
    """
    count, classes = probabilities.shape
    own = probabilities[np.arange(count), labels]
    sums = np.bincount(labels, own, minlength=classes)
    sizes = np.bincount(labels, minlength=classes)
    # A class without images has no threshold that could be passed.
    thresholds = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    passed = probabilities >= thresholds
    counts_as = np.where(passed, probabilities, -1.0).argmax(axis=1)
    known = passed.any(axis=1)
    joint = np.zeros((classes, classes), np.int64)
    np.add.at(joint, (labels[known], counts_as[known]), 1)
    rows = np.flatnonzero(known & (counts_as != labels))
    # A guess that is less probable than the label contradicts nothing: its class is merely shy.
    rows = rows[probabilities[rows, counts_as[rows]] > own[rows]]
    margins = probabilities[rows, counts_as[rows]] - own[rows]
    order = np.argsort(-margins, kind="stable")
    return Suspicion(rows[order], counts_as[rows[order]], margins[order], joint)

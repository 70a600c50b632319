"""Label agreement: do labels follow the images, and does a network that learned doubt some?

Two witnesses. The nearest neighbor of an image should have its label far more often than chance:
this asks the data, whatever the network does. And of the answers that a network is surest of, few
should be wrong; where they are, the label of a hard image is among the network's next choices, and
a wrong label stands anywhere in its order, so also among those that it holds for least likely.
Northcutt et al. (2021), "Confident learning", arXiv:1911.00068, is the idea of the second.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEAST = 150  # examples
SAME = 3e-3  # of an image's norm: a distance that is none
SUREST = 0.3  # share of examples that count as those it is surest of
OF_CLASS = 15  # examples of a class, below which nothing is said of it


def neighbors(thumbnails: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) the label of the nearest other image that is not the very same one.

    thumbnails  (N, D)
    """
    images = torch.from_numpy(thumbnails)
    distances = torch.cdist(images, images)
    # Itself, and the same image in another epoch; such distances are rounded to a bit above zero.
    distances[distances < SAME * images.norm(dim=1).clamp_min(1e-6)] = torch.inf
    found: NDArray[np.int64] = labels[distances.argmin(1).numpy()]
    return found


def chance(labels: NDArray[np.int64]) -> float:
    """How often two labels agree by chance."""
    shares = np.bincount(labels) / len(labels)
    return float((shares**2).sum())


def doubt(outputs: Tensor, labels: Tensor) -> tuple[float, float] | None:
    """(share of the surest answers that contradict the label, share of labels there that could be
    any class); None of too few examples.

    outputs  (N, L) logits as they were in training

    A label that could be any class is as often in the less likely half of the other classes as in
    the likelier one, and a true label hardly ever: so the second is counted there.
    """
    count, classes = outputs.shape
    if count < LEAST or classes < 3:
        return None
    sure, answers = outputs.softmax(1).max(1)
    surest = sure >= sure.quantile(1 - SUREST)
    likelier = (outputs > outputs.gather(1, labels[:, None])).sum(1)[surest]
    half = (classes - 1) // 2
    unlikely = float((likelier >= classes - half).double().mean())
    return float((answers != labels)[surest].double().mean()), unlikely * (classes - 1) / half


def mutual(
    truth: NDArray[np.int64],
    answers: NDArray[np.int64],
    before: NDArray[np.int64],
    classes: int,
) -> tuple[int, int, float] | None:
    """The pair of classes that are more often taken for each other than before, (one, other, by
    what share, the smaller of both ways). None of too few examples.

    truth, answers, before  (N,) classes
    """
    counts = np.bincount(truth, minlength=classes)
    known = counts >= OF_CLASS
    if known.sum() < 3:
        return None
    more = np.zeros((classes, classes))
    for found, sign in ((answers, 1), (before, -1)):
        table = np.bincount(truth * classes + found, minlength=classes**2)
        more += sign * table.reshape(classes, classes) / np.maximum(counts, 1)[:, None]
    more[~known] = 0
    both = np.minimum(more, more.T)
    np.fill_diagonal(both, 0)
    one, other = np.unravel_index(both.argmax(), both.shape)
    return int(one), int(other), float(both[one, other])

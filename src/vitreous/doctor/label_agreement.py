"""Label agreement: do labels follow the images, and does a network that learned doubt some?

Two witnesses. The nearest neighbor of an image should have its label far more often than chance:
this asks the data, whatever the network does. And of the answers that a network is surest of, few
should be wrong; where they are, the label of a hard image is the network's second choice, and a
wrong label stands anywhere in its order.
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
    """(share of wrong labels among the surest answers, mean place of all wrong ones among the other
    classes, 0 to 1); None of too few examples.

    outputs  (N, L) logits as they were in training
    """
    count, classes = outputs.shape
    if count < LEAST or classes < 3:
        return None
    sure, answers = outputs.softmax(1).max(1)
    wrong = answers != labels
    surest = sure >= sure.quantile(1 - SUREST)
    below = (outputs > outputs.gather(1, labels[:, None])).sum(1) - 1  # without the answer itself
    places = below[wrong].double() / (classes - 2)
    return float(wrong[surest].double().mean()), float(places.mean()) if len(places) else 0.0


def mutual(
    truth: NDArray[np.int64], answers: NDArray[np.int64], classes: int
) -> tuple[tuple[int, int, float], float] | None:
    """The pair of classes most often taken for each other, (one, other, the smaller share of both
    ways), and that share of the next pair. None of too few examples.
    """
    table = np.bincount(truth * classes + answers, minlength=classes**2).reshape(classes, classes)
    counts = table.sum(axis=1)
    known = counts >= OF_CLASS
    if known.sum() < 3:
        return None
    shares = table / np.maximum(counts, 1)[:, None]
    shares[~known] = 0
    both = np.minimum(shares, shares.T)
    np.fill_diagonal(both, 0)
    one, other = np.unravel_index(both.argmax(), both.shape)
    share = float(both[one, other])
    both[one, other] = both[other, one] = 0
    return (int(one), int(other), share), float(both.max())

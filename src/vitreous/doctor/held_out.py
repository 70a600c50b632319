"""Held-out images beside those of training: a shift between the two, and images in both (leak).

Whether two sets of images come from one source is asked of a linear rule that tries to tell them
apart on images that it has not seen: an area under its ROC curve of 0.5 is one source, 1 is two.
Lopez-Paz & Oquab (2017), "Revisiting classifier two-sample tests", arXiv:1610.06545.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

SIDE = 12  # pixels a side of a thumbnail, if the image has as many
LEAST = 60  # images of each side
RIDGE = 1e-2  # of the mean variance, so that a rule of few images does not overfit


def thumbnails(images: Tensor) -> NDArray[np.float32]:
    """(B, D) small gray versions of images (B, C, H, W); of vectors (B, D) their first values."""
    with torch.no_grad():
        values = images.detach().float()
        if values.ndim == 4:
            side = (min(SIDE, values.shape[2]), min(SIDE, values.shape[3]))
            values = F.adaptive_avg_pool2d(values.mean(1, keepdim=True), side)
        found: NDArray[np.float32] = values.flatten(1)[:, : SIDE**2].cpu().numpy().copy()
        return found


def distinct(one: NDArray[np.float32], other: NDArray[np.float32]) -> float | None:
    """Area under the ROC curve of a linear rule between the two, each half judged by the other."""
    if min(len(one), len(other)) < LEAST:
        return None
    areas = []
    for first in (0, 1):
        learned = [part[first::2].astype(np.float64) for part in (one, other)]
        judged = [part[1 - first :: 2].astype(np.float64) for part in (one, other)]
        means = [part.mean(axis=0) for part in learned]
        spread = (np.cov(learned[0], rowvar=False) + np.cov(learned[1], rowvar=False)) / 2
        spread = spread + RIDGE * (np.trace(spread) / len(spread) + 1e-12) * np.eye(len(spread))
        rule = np.linalg.solve(spread, means[1] - means[0])
        areas.append(area(judged[0] @ rule, judged[1] @ rule))
    return float(np.mean(areas))


def area(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """How often a value of `high` is above one of `low`; a tie counts half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / 2 / len(low))


def known(training: NDArray[np.float32], held: NDArray[np.float32]) -> float | None:
    """Share of held-out images that are among the training images, pixel by pixel."""
    if min(len(training), len(held)) < LEAST:
        return None
    seen = {row.tobytes() for row in np.round(training, 4) + 0.0}
    varied = held[held.std(axis=1) > 1e-3]
    if not len(varied):
        return None
    return float(np.mean([row.tobytes() in seen for row in np.round(varied, 4) + 0.0]))

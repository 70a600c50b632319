"""Shortcut candidates: what tells the class of an image without a look at what it shows?

Size, file, the color of the border, a patch in a corner, the brightness: each alone is given to the
nearest neighbors of an image among others. Where that tells far more classes than always answering
the most frequent one, a network may learn this instead of the things.
Geirhos et al. (2020), "Shortcut learning in deep neural networks", arXiv:2004.07780.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.metrics.interval import Interval, wilson

NEIGHBORS = 11
SAMPLE = 4000  # images that are looked at, at most
LEAST = 60
RING = 2  # pixels at the border of a thumbnail
CORNER = 12  # pixels of a corner's side, of a thumbnail of 64
GRID = 3  # values a side of a corner


@dataclass(frozen=True)
class Shortcut:
    """How many classes one trivial feature tells.

    accuracy  of the nearest neighbors by this feature alone, with its 95 % interval
    always    share of the most frequent class
    """

    name: str
    accuracy: float
    interval: Interval
    always: float
    count: int


def shortcuts(
    features: Mapping[str, NDArray[np.float64]], labels: NDArray[np.int64], seed: int = 0
) -> list[Shortcut]:
    """Each feature alone, the most telling first; those that are the same everywhere are left out.

    features  (N, D) each, by name
    labels    (N,)
    """
    chosen = np.random.default_rng(seed).permutation(len(labels))[:SAMPLE]
    if len(chosen) < LEAST:
        return []
    wanted = torch.from_numpy(labels[chosen])
    classes = int(wanted.max()) + 1
    always = float(wanted.bincount().max()) / len(wanted)
    found = []
    for name, values in features.items():
        table = values[chosen].astype(np.float64)
        deviation = table.std(axis=0)
        if not (deviation > 0).any():
            continue
        table = (table - table.mean(axis=0))[:, deviation > 0] / deviation[deviation > 0]
        # Equal values are many where a feature is coarse: a hair decides among these, by chance.
        table += 1e-6 * np.random.default_rng(seed).normal(size=table.shape)
        points = torch.from_numpy(table.astype(np.float32))
        right = 0
        for first in range(0, len(points), 500):
            part = points[first : first + 500]
            apart = torch.cdist(part, points)
            apart[torch.arange(len(part)), first + torch.arange(len(part))] = torch.inf
            near = wanted[apart.topk(min(NEIGHBORS, len(points) - 1), largest=False).indices]
            votes = torch.zeros(len(part), classes).scatter_add_(
                1, near, torch.ones_like(near, dtype=torch.float32)
            )
            right += int((votes.argmax(1) == wanted[first : first + 500]).sum())
        share = right / len(points)
        found.append(Shortcut(name, share, wilson(right, len(points)), always, len(points)))
    return sorted(found, key=lambda shortcut: -shortcut.accuracy)


def pixel_features(rows: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """(N, D) each, of thumbnails (N, 64, 64, C): what can be read off without knowing any thing."""
    images = rows.astype(np.float32)
    ring = np.ones(images.shape[1:3], bool)
    ring[RING:-RING, RING:-RING] = False
    border = images[:, ring]
    found = {
        "the color of the border": np.concatenate([border.mean(axis=1), border.std(axis=1)], axis=1)
    }
    ends = {"top": slice(0, CORNER), "bottom": slice(-CORNER, None)}
    sides = {"left": slice(0, CORNER), "right": slice(-CORNER, None)}
    for end, lines in ends.items():
        for side, columns in sides.items():
            patch = np.stack(
                [
                    cv2.resize(image, (GRID, GRID), interpolation=cv2.INTER_AREA).ravel()
                    for image in images[:, lines, columns]
                ]
            )
            found[f"the {end} {side} corner"] = patch.astype(np.float64)
    return {name: values.astype(np.float64) for name, values in found.items()}


def statistics_of(rows: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """(N,) each, of thumbnails (N, 64, 64, C): brightness, contrast, sharpness, and saturation."""
    images = rows.astype(np.float32)
    gray = images.mean(axis=3)
    edges = np.stack([cv2.Laplacian(image, cv2.CV_32F) for image in gray])
    found = {
        "brightness": gray.mean(axis=(1, 2)),
        "contrast": gray.std(axis=(1, 2)),
        "sharpness": np.abs(edges).mean(axis=(1, 2)),
    }
    if images.shape[3] == 3:
        found["saturation"] = (images.max(axis=3) - images.min(axis=3)).mean(axis=(1, 2))
        found["redness"] = (images[..., 0] - images[..., 2]).mean(axis=(1, 2))
    return {name: values.astype(np.float64) for name, values in found.items()}

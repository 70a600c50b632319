"""Border weights: pixels between two cells that nearly touch count most, so that these stay apart.

    w(x) = 1 + w₀ · exp(-(d₁(x) + d₂(x))² / 2σ²)      x a pixel of no cell

d₁ and d₂ are the distances to the nearest cell and to the second nearest. Cells are the connected
regions of each class but the first, the background. Ronneberger et al. (2015), "U-Net",
arXiv:1505.04597, equation 2, with w₀ = 10 and σ = 5.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.errors import ShapeError
from vitreous.losses.cross_entropy import check_targets
from vitreous.losses.reduction import Reduction, image_means, reduced
from vitreous.shapes import Logits, Masks

STRENGTH, WIDTH = 10.0, 5.0  # w₀, and σ in pixels
REACH = 6  # σ from a cell, beyond which a weight is below w₀ · exp(-18)


def border_weights(
    mask: NDArray[np.integer],
    *,
    strength: float = STRENGTH,
    width: float = WIDTH,
    ignore: int | None = None,
) -> NDArray[np.float32]:
    """w of each pixel of a mask (H, W) of class numbers, whose class 0 is the background.

    strength  w₀
    width     σ, in pixels
    ignore    the number of pixels that belong to nothing: they are no cell
    """
    nearest = np.full(mask.shape, np.inf, np.float32)
    second = nearest.copy()
    reach = int(np.ceil(REACH * width))
    for number in np.unique(mask):
        if number in (0, ignore):
            continue
        count, cells, boxes, _ = cv2.connectedComponentsWithStats(
            (mask == number).astype(np.uint8), connectivity=4
        )
        for cell in range(1, count):
            left, top, wide, tall, _ = boxes[cell]
            place = (
                slice(max(top - reach, 0), top + tall + reach),
                slice(max(left - reach, 0), left + wide + reach),
            )
            outside = (cells[place] != cell).astype(np.uint8)
            away = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            one, two = nearest[place], second[place]
            two[:] = np.minimum(two, np.maximum(one, away))
            one[:] = np.minimum(one, away)
    together = nearest + second
    weights = 1 + strength * np.exp(-np.square(together / width) / 2)
    return np.where(mask == 0, weights, 1).astype(np.float32)


def border_cross_entropy(
    logits: Logits,
    targets: Masks,
    *,
    weights: Tensor | None = None,
    ignore: int | None = None,
    smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Cross-entropy of maps of logits (B, L, H, W), each pixel times its `border_weights`; the loss
    of an image is the mean of its pixels.

    targets    (B, H, W) int64 class numbers, 0 the background
    weights    (L,) importance of each class, a further factor
    ignore     the number of pixels that do not count
    smoothing  share of each target that is spread evenly over all classes

    Raises ShapeError if targets do not fit the logits.
    """
    check_targets(logits, targets)
    if logits.ndim != 4:
        raise ShapeError(
            f"logits {tuple(logits.shape)} have no borders",
            where="logits",
            remedy="Border weights are about maps: give (B, L, H, W).",
        )
    masks = targets.cpu().numpy()
    borders = np.stack([border_weights(mask, ignore=ignore) for mask in masks])
    counted = torch.ones_like(targets, dtype=torch.bool) if ignore is None else targets != ignore
    known = targets.where(counted, 0)
    terms = -logits.log_softmax(1)  # if each class were the right one
    right = terms.gather(1, known[:, None]).squeeze(1)
    losses = (1 - smoothing) * right + smoothing * terms.mean(1)
    losses = losses * torch.from_numpy(borders).to(losses)
    if weights is not None:
        losses = losses * weights[known]
    return reduced(image_means(losses, counted), reduction)

"""Dice loss: overlap itself is what is trained, so that a small region counts as much as a large.

    l = 1 - mean over c of  2 Σ p_c t_c / (Σ p_c + Σ t_c),   p = softmax(logits)

The sums go over the pixels of an image, the mean over the classes that its mask shows: of others
there is no region to overlap with. Milletari, Navab and Ahmadi (2016), "V-Net", arXiv:1606.04797.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.errors import ShapeError
from vitreous.losses.cross_entropy import check_targets, cross_entropy
from vitreous.losses.reduction import Reduction, reduced
from vitreous.shapes import Logits, Masks


def dice(
    logits: Logits,
    targets: Masks,
    *,
    weights: Tensor | None = None,
    ignore: int | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Soft Dice loss of maps of logits (B, L, H, W) in [0, 1], 0 for an image that shows no class.

    targets    (B, H, W) int64 class numbers
    weights    (L,) importance of each class in the mean of an image
    ignore     the number of pixels that count nowhere
    reduction  "none" gives (B,), "mean" the mean of the images that show a class

    Raises ShapeError if targets do not fit the logits.
    """
    check_targets(logits, targets)
    if logits.ndim != 4:
        raise ShapeError(
            f"logits {tuple(logits.shape)} have no regions",
            where="logits",
            remedy="The Dice loss compares maps: give (B, L, H, W).",
        )
    counted = torch.ones_like(targets, dtype=torch.bool) if ignore is None else targets != ignore
    p = logits.softmax(1) * counted[:, None]
    truth = torch.zeros_like(p).scatter_(1, targets.where(counted, 0)[:, None], 1.0)
    truth = truth * counted[:, None]
    pixels = truth.sum((2, 3))  # (B, L)
    overlap = 2 * (p * truth).sum((2, 3)) / (p.sum((2, 3)) + pixels).clamp_min(1e-12)
    shown = (pixels > 0).to(p.dtype) if weights is None else (pixels > 0) * weights
    there = shown.sum(1)
    losses = ((1 - overlap) * shown).sum(1) / torch.where(there > 0, there, 1)
    return reduced(losses, reduction, (there > 0).to(p.dtype))


def cross_entropy_dice(
    logits: Logits,
    targets: Masks,
    *,
    weights: Tensor | None = None,
    ignore: int | None = None,
    smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """The sum of both: cross-entropy is about each pixel, Dice about the region as a whole.

    smoothing  share of each target in the cross-entropy that is spread evenly over the classes

    The other arguments are those of `dice`.
    """
    each = cross_entropy(
        logits, targets, weights=weights, ignore=ignore, smoothing=smoothing, reduction=reduction
    )
    return each + dice(logits, targets, weights=weights, ignore=ignore, reduction=reduction)

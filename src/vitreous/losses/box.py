"""Losses of boxes: how badly one box covers another, by their overlap (IoU, GIoU).

    IoU = |A ∩ B| / |A ∪ B|,   GIoU = IoU - |C \\ (A ∪ B)| / |C|

C is the smallest box around both. Where boxes do not meet, IoU is 0 wherever they lie and teaches
nothing; GIoU falls towards -1 with the distance. Rezatofighi et al. (2019), "Generalized
intersection over union", arXiv:1902.09630, algorithm 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.errors import ShapeError
from vitreous.losses.reduction import Reduction, reduced

LEAST = 1e-9  # area, so that two boxes without any have an overlap of 0 and no NaN


def box_iou(predictions: Tensor, targets: Tensor) -> Tensor:
    """(B,) the IoU of boxes (B, 4) in pairs: left, top, right, bottom.

    Raises ShapeError if the shapes differ or are others.
    """
    shared, union, _ = _areas(predictions, targets)
    return shared / union.clamp_min(LEAST)


def giou_loss(predictions: Tensor, targets: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """1 - GIoU, from 0 for equal boxes to nearly 2 for far ones, of boxes (B, 4) in pairs.

    reduction  "none" gives (B,)

    Raises ShapeError if the shapes differ or are others.
    """
    shared, union, around = _areas(predictions, targets)
    overlap = shared / union.clamp_min(LEAST)
    return reduced(1 - overlap + (around - union) / around.clamp_min(LEAST), reduction)


def _areas(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B,) each: of the intersection, the union, and the smallest box around both."""
    if one.shape != other.shape or one.ndim != 2 or one.shape[1] != 4:
        raise ShapeError(
            f"boxes {tuple(one.shape)} and {tuple(other.shape)} do not fit together",
            where="targets",
            remedy="Give both as (B, 4): left, top, right, bottom.",
        )
    low, high = torch.maximum(one, other), torch.minimum(one, other)
    shared = (high[:, 2:] - low[:, :2]).clamp_min(0).prod(1)
    union = sum(((box[:, 2:] - box[:, :2]).prod(1) for box in (one, other)), -shared)
    around = (low[:, 2:] - high[:, :2]).prod(1)
    return shared, union, around

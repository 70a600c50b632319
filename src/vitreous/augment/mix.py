"""Mixing pairs: an image that is λ of one class and 1 - λ of another, with targets to match.

Mixup blends two images, cutmix pastes a box of one into the other. Cross-entropy is linear in its
target, so the loss of a mixed image is λ times that of one target plus 1 - λ times the other's.

Zhang et al. (2018), "mixup", arXiv:1710.09412. Yun et al. (2019), "CutMix", arXiv:1905.04899.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.augment.erase import boxes, inside_boxes
from vitreous.shapes import Images


def share(strength: float, uniform: float) -> float:
    """λ from a Beta(strength, strength) distribution, by its inverse; strength 0 gives 1."""
    if strength == 0:
        return 1.0
    from scipy.special import betaincinv  # slow to import

    return float(betaincinv(strength, strength, uniform))


def mixup(images: Images, partners: Tensor, λ: float) -> Images:
    """Blend each image with its partner.

    images    (B, C, H, W)
    partners  (B,) int64: positions in the batch
    λ         share of the image itself; 1 changes nothing
    """
    return torch.lerp(images[partners], images, λ)


def cutmix(images: Images, partners: Tensor, λ: float, x: float, y: float) -> tuple[Images, float]:
    """Paste a box of each image's partner; also the share of its pixels that an image keeps.

    λ     share of the image itself, before the box is rounded to whole pixels
    x, y  in [0, 1): where the box lies
    """
    size = images.shape[2], images.shape[3]
    one: NDArray[np.float64] = np.ones(1)
    # The box has the image's own aspect, as in the paper.
    where = boxes((1 - λ) * one, size[0] / size[1] * one, x * one, y * one, size)
    inside = inside_boxes(where, size, images.device)
    left, top, right, bottom = where[0].tolist()
    kept = 1 - (right - left) * (bottom - top) / (size[0] * size[1])
    return torch.where(inside[:, None], images[partners], images), kept

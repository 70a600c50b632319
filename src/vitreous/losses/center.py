"""Losses of centers: a map is high where the middle of a thing lies, as in anchor-free detection.

The target of a map is 1 at the middle of a thing, falls off around it as a Gaussian does, and is 0
elsewhere; places beside a middle are punished less, because a box from there is nearly as good.

    l = 1/n Σ  -(1 - p)² ln p              at the n middles
               -(1 - t)⁴ p² ln(1 - p)      elsewhere

Zhou, Wang and Krähenbühl (2019), "Objects as points", arXiv:1904.07850, equation 1, after Lin et
al. (2017), "Focal loss for dense object detection", arXiv:1708.02002.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.errors import ShapeError
from vitreous.losses.reduction import Reduction, reduced

BESIDE = 4  # power of 1 - t: how far the middle of a thing forgives its neighbors
HARD = 3  # places without a middle that count, for each middle
FEWEST = 32  # such places that count in any image


def center_focal(logits: Tensor, heat: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Focal loss of maps of centers (B, L, h, w).

    heat       targets in [0, 1], 1 at middles; places that are NaN count nowhere
    reduction  "none" gives (B,); an image without a middle is divided by 1

    Raises ShapeError if the shapes differ.
    """
    middles, far = _terms(logits, heat)
    p = logits.sigmoid()
    near = middles * (1 - p).square() * F.softplus(-logits)
    other = far * p.square() * F.softplus(logits)
    return reduced(_sums(near + other) / _sums(middles).clamp_min(1), reduction)


def center_hard(logits: Tensor, heat: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Cross-entropy of maps of centers (B, L, h, w), with hard-example mining: of the places
    without a middle the hardest count alone, three for each middle.

    The arguments are those of `center_focal`. Shrivastava, Gupta and Girshick (2016), "Training
    region-based object detectors with online hard example mining", arXiv:1604.03540; the ratio is
    that of Liu et al. (2016), "SSD", arXiv:1512.02325, section 2.2.
    """
    middles, far = _terms(logits, heat)
    count = _sums(middles)
    near = _sums(middles * F.softplus(-logits))
    ranked = (far * F.softplus(logits)).flatten(1).sort(1, descending=True).values
    kept = (HARD * count).clamp(FEWEST, ranked.shape[1])
    place = torch.arange(ranked.shape[1], device=ranked.device)
    hardest = ranked.where(place < kept[:, None], 0).sum(1)
    return reduced((near + hardest) / count.clamp_min(1), reduction)


def _terms(logits: Tensor, heat: Tensor) -> tuple[Tensor, Tensor]:
    """(B, L, h, w) each: 1 at middles, and what other places count."""
    if logits.shape != heat.shape:
        raise ShapeError(
            f"maps {tuple(logits.shape)} and {tuple(heat.shape)} do not fit together",
            where="heat",
            remedy="Give both as (B, L, h, w).",
        )
    known, middles = heat.isfinite(), (heat == 1).to(logits.dtype)
    beside = heat.nan_to_num(0).to(logits.dtype)
    far = ((1 - beside) ** BESIDE * known).to(logits.dtype)
    return middles, far


def _sums(values: Tensor) -> Tensor:
    return values.flatten(1).sum(1)

"""Focal loss: cross-entropy that looks away from what is already easy.

    l = - Σ_c w_c · t_c · (1 - p_c)^γ · ln p_c

With γ = 0 it is cross-entropy; with γ = 2 an example at p = 0.9 counts a hundredth.
Made for a few objects among many backgrounds, it also helps where classes are very unequal.
Lin et al. (2017), "Focal loss for dense object detection", arXiv:1708.02002.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vitreous.losses.cross_entropy import target_weights
from vitreous.losses.reduction import Reduction, reduced
from vitreous.shapes import Labels, Logits


def focal(
    logits: Logits,
    targets: Labels,
    *,
    gamma: float = 2.0,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Softmax focal loss of logits (B, L); the arguments are those of `cross_entropy`.

    gamma  at least 0: how fast the loss of well-classified examples fades
    """
    log_p = logits.log_softmax(1)
    hard = targets.ndim == 1
    wanted = F.one_hot(targets, logits.shape[1]).to(logits.dtype) if hard else targets
    wanted = wanted * (1 - smoothing) + smoothing / logits.shape[1]
    terms = -wanted * (1 - log_p.exp()).clamp_min(0).pow(gamma) * log_p
    losses = terms.sum(1) if weights is None else terms @ weights
    return reduced(losses, reduction, target_weights(targets, weights))

"""Focal loss: cross-entropy that looks away from what is already easy.

    l = - w · Σ_c t_c · (1 - p_c)^γ · ln p_c

With γ = 0 it is cross-entropy; with γ = 2 an example at p = 0.9 counts a hundredth.
Made for a few objects among many backgrounds, it also helps where classes are very unequal.
Lin et al. (2017), "Focal loss for dense object detection", arXiv:1708.02002.
"""

from __future__ import annotations

from torch import Tensor

from vitreous.losses.cross_entropy import check_targets, own_weights, target_weights
from vitreous.losses.reduction import Reduction, image_means, reduced
from vitreous.shapes import Labels, Logits, Masks


def focal(
    logits: Logits,
    targets: Labels | Masks,
    *,
    gamma: float = 2.0,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
    ignore: int | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Softmax focal loss of logits (B, L) or (B, L, H, W); the arguments are those of
    `cross_entropy`.

    gamma  at least 0: how fast the loss of well-classified examples fades
    """
    check_targets(logits, targets)
    log_p = logits.log_softmax(1)
    terms = -(1 - log_p.exp()).clamp_min(0).pow(gamma) * log_p  # if each class were the right one
    counted = None if ignore is None else targets != ignore
    if targets.is_floating_point():
        right = (targets * terms).sum(1)
    else:
        numbers = targets if counted is None else targets.where(counted, 0)
        right = terms.gather(1, numbers.unsqueeze(1)).squeeze(1)
    losses = (1 - smoothing) * right + smoothing * terms.mean(1)
    if weights is not None:
        losses = losses * own_weights(targets, weights, counted)
    return reduced(
        image_means(losses, counted), reduction, target_weights(targets, weights, ignore=ignore)
    )

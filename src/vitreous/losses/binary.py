"""Losses of yes-or-no questions: one for each label, since several labels may apply to an image.

A softmax would make the labels compete for one unit of probability; each gets its own sigmoid:

    l = - 1/L · Σ_c w_c · [ t_c · ln σ(z_c) + (1 - t_c) · ln(1 - σ(z_c)) ]
    dl/dz = w · (σ(z) - t) / L

An answer weighs w = a · t + (1 - t): a where the label applies and 1 where it does not. Smoothing
then moves t without weights: else the little "yes" that it gives to every "no" would count a times.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.losses.reduction import Reduction, reduced
from vitreous.shapes import Logits


def binary_cross_entropy(
    logits: Logits,
    targets: Tensor,
    *,
    gamma: float = 0.0,
    smoothing: float = 0.0,
    positives: Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Sigmoid cross-entropy, the mean over the labels of each image.

    targets    (B, L) in [0, 1]
    gamma      above 0 the focal loss: terms are scaled by (1 - probability of the answer)^gamma
    smoothing  share of each target that moves to 1/2
    positives  (L,) factor a on the positive answers of each label, against their rarity
    reduction  "none" gives (B,)
    """
    wanted = targets.to(logits.dtype) * (1 - smoothing) + smoothing / 2
    yes, no = -F.logsigmoid(logits), -F.logsigmoid(-logits)  # -ln σ(z), -ln(1 - σ(z))
    if gamma:
        yes, no = yes * (-no * gamma).exp(), no * (-yes * gamma).exp()  # (1 - p)^γ = e^{-γ·no}
    return _weighted(wanted * yes + (1 - wanted) * no, targets, positives, reduction)


def binary_hinge(
    logits: Logits,
    targets: Tensor,
    *,
    margin: float = 1.0,
    positives: Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """max(0, m - z) where a label applies and max(0, m + z) where not, the mean over the labels."""
    yes, no = (margin - logits).relu(), (margin + logits).relu()
    return _weighted(targets * yes + (1 - targets) * no, targets, positives, reduction)


def _weighted(
    losses: Tensor, targets: Tensor, positives: Tensor | None, reduction: Reduction
) -> Tensor:
    """The mean over labels (B, L) of each answer's loss, times what the answer weighs."""
    if positives is not None:
        losses = losses * torch.lerp(torch.ones_like(losses), positives, targets.to(losses.dtype))
    return reduced(losses.mean(1), reduction)

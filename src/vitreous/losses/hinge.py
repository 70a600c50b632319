"""The multi-class hinge: the right class shall win by a margin, and then nothing more is asked.

    l = 1/L · Σ_{j≠y} max(0, m + s_j - s_y)

With a linear network and an L2 penalty this is a support vector machine. Its scores are no
log-probabilities, so a softmax of them is not calibrated.
Weston & Watkins (1999), "Support vector machines for multi-class pattern recognition".
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.losses.cross_entropy import check_targets, own_weights, target_weights
from vitreous.losses.reduction import Reduction, reduced
from vitreous.shapes import Labels, Logits


def hinge(
    logits: Logits,
    targets: Labels,
    *,
    margin: float = 1.0,
    weights: Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Hinge loss of scores (B, L); for mixed targets (B, L), each class's loss times its share.

    weights    (L,) importance of each class, as in `cross_entropy`
    reduction  as in `cross_entropy`

    Raises ShapeError if targets do not fit the scores.
    """
    check_targets(logits, targets, maps=False)
    if not targets.is_floating_point():
        losses = F.multi_margin_loss(logits, targets, margin=margin, reduction="none")
    else:
        others = 1 - torch.eye(logits.shape[1], dtype=logits.dtype, device=logits.device)
        gaps = (margin + logits.unsqueeze(1) - logits.unsqueeze(2)).relu()  # (B, y, j)
        by_class = (gaps * others).mean(2)
        losses = (targets * by_class).sum(1)
    if weights is not None:
        losses = losses * own_weights(targets, weights, None)
    return reduced(losses, reduction, target_weights(targets, weights))

"""Cross-entropy: the surprise of a network at the right answer.

    l = - Σ_c w_c · t_c · ln p_c,   p = softmax(logits),   dl/dlogits = p - t  where all w_c = 1

Its gradient does not vanish where the softmax saturates, which is why it suits classes better
than the squared error does. Targets are class numbers, or distributions when images are mixed.
Label smoothing: Szegedy et al. (2016), "Rethinking the Inception architecture", arXiv:1512.00567.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vitreous.losses.reduction import Reduction, reduced
from vitreous.shapes import Labels, Logits


def cross_entropy(
    logits: Logits,
    targets: Labels,
    *,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Softmax cross-entropy of logits (B, L).

    targets    (B,) class numbers, or (B, L) probabilities that sum to 1
    smoothing  share of each target that is spread evenly over all L classes
    weights    (L,) importance of each class, w above; see `class_weights`
    reduction  "none" gives (B,), "mean" divides Σ l by the weights of the targets, Σ w·t
    """
    losses = F.cross_entropy(
        logits, targets, weight=weights, label_smoothing=smoothing, reduction="none"
    )
    return reduced(losses, reduction, target_weights(targets, weights))


def target_weights(targets: Labels, weights: Tensor | None) -> Tensor | None:
    """(B,) the weight of each example's classes, Σ_c w_c · t_c."""
    if weights is None:
        return None
    return weights[targets] if targets.ndim == 1 else targets @ weights

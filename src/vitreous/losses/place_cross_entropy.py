"""Cross-entropy over places: the surprise of a heat map at where a point really lies.

    l = - 1/|S| · Σ_{p in S} Σ_i t_pi · ln q_pi,   q_p = softmax over the places i of map p

S are the points that have a target. A place is one of many that exclude each other, as classes do;
a target is spread over neighbors, so that a near miss costs less than a far one. In contrast to
the squared error of a map, that nearly all places are empty weighs nothing. Tompson et al. (2014),
"Joint training of a convolutional network and a graphical model", arXiv:1406.2984.
"""

from __future__ import annotations

from torch import Tensor

from vitreous.errors import ShapeError
from vitreous.losses.reduction import Reduction, reduced


def place_cross_entropy(
    logits: Tensor, targets: Tensor, *, reduction: Reduction = "mean"
) -> Tensor:
    """Softmax cross-entropy of heat maps (B, P, h, w), the mean over the points with a target.

    targets    of the same shape: each map sums to 1, or to 0 for a point that is not known. An
               image without any has the loss 0
    reduction  "none" gives (B,)

    Raises ShapeError if the shapes differ or are others.
    """
    if logits.shape != targets.shape or logits.ndim != 4:
        raise ShapeError(
            f"maps {tuple(logits.shape)} and targets {tuple(targets.shape)} do not fit together",
            where="targets",
            remedy="Give both as (B, P, h, w), a map for each point.",
        )
    wanted = targets.flatten(2)
    surprise = -(wanted * logits.flatten(2).log_softmax(2)).sum(2)  # (B, P)
    known = (wanted.sum(2) > 0).sum(1).clamp_min(1)
    return reduced(surprise.sum(1) / known, reduction)

"""Hard-example mining: cross-entropy of what is worst answered, and of nothing else.

Most examples are soon answered rightly, and their many small losses drown the few that still
teach. So the gradient comes from the hardest share of the examples of a batch alone; of maps, from
the hardest share of the pixels of each image. What is labeled wrongly is hardest of all: clean
labels are needed. Shrivastava, Gupta and Girshick (2016), "Training region-based object detectors
with online hard example mining", arXiv:1604.03540.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.losses.cross_entropy import check_targets, own_weights, target_weights
from vitreous.losses.reduction import Reduction, reduced
from vitreous.shapes import Labels, Logits, Masks

HARDEST = 0.25  # of the examples, or of the pixels of an image


def hard_cross_entropy(
    logits: Logits,
    targets: Labels | Masks,
    *,
    share: float = HARDEST,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
    ignore: int | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Softmax cross-entropy of logits (B, L) or (B, L, H, W); the arguments are those of
    `cross_entropy`.

    share  of what counts that is kept, in (0, 1], and at least one example or pixel. The examples
           that are kept count more, so that the mean over all is the mean over them

    With a share of 1 it is cross-entropy.
    """
    check_targets(logits, targets)
    counted = None if ignore is None else targets != ignore
    numbers = targets if counted is None else targets.where(counted, 0)
    losses = F.cross_entropy(logits, numbers, label_smoothing=smoothing, reduction="none")
    if weights is not None:
        losses = losses * own_weights(targets, weights, counted)
    dense = logits.ndim == 4
    rows = losses.flatten(1) if dense else losses[None]
    known = torch.ones_like(rows, dtype=torch.bool)
    if counted is not None:
        known = counted.flatten(1) if dense else counted[None]
    total = known.sum(1)
    kept = (share * total).ceil().clamp_min(1)
    ranked = rows.detach().masked_fill(~known, -torch.inf)
    order = ranked.argsort(stable=True, dim=1, descending=True)
    place = order.argsort(1)  # of each among the hardest
    chosen = rows.where((place < kept[:, None]) & known, 0)
    means = chosen.sum(1) / kept if dense else (chosen * (total / kept)[:, None])[0]
    return reduced(means, reduction, target_weights(targets, weights, ignore=ignore))

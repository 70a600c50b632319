"""Contrastive loss NT-Xent: two views of an image are to be nearer than those of other images.

    l(i, j) = -log (exp(s(i, j)/τ) / Σ_{k ≠ i} exp(s(i, k)/τ))

s is the cosine of two answers; i and j are the views of one image, and k runs over all other views
of the batch, j among them. Each image counts with the mean over its views. The larger the batch,
the more others there are to be told from.

Chen et al. (2020), "A simple framework for contrastive learning of visual representations",
arXiv:2002.05709, equation 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.errors import UsageError
from vitreous.losses.reduction import Reduction, reduced

TEMPERATURE = 0.2  # sharper than the paper's 0.5: few others are in a small batch


def nt_xent(
    answers: Tensor, *, temperature: float = TEMPERATURE, reduction: Reduction = "mean"
) -> Tensor:
    """The loss of two views of each of B images; "none" gives (B,).

    answers  (2·B, K): first one view of each image, then the other, in the same order

    Raises UsageError for a batch of one image, which has no other to be told from.
    """
    count = len(answers) // 2
    if count < 2 or len(answers) % 2:
        raise UsageError(
            f"{len(answers)} views: two of each of at least two images are needed, or there is no "
            "other image to be told from",
            where="--batch-size",
            remedy="Use batches of 2 or more; the more, the better.",
        )
    unit = F.normalize(answers, dim=1)
    own = torch.eye(2 * count, dtype=torch.bool, device=unit.device)
    alike = (unit @ unit.T / temperature).masked_fill(own, -torch.inf)
    partner = torch.arange(2 * count, device=unit.device).roll(count)
    losses = F.cross_entropy(alike, partner, reduction="none")
    return reduced(losses.reshape(2, count).mean(0), reduction)

"""Margins of an answer: how far it is from each way of being wrong; all are positive while it is
right.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.shapes import Labels, Logits


def class_margins(logits: Logits, labels: Labels) -> Tensor:
    """(B, L - 1): the logit of the true class minus that of each other."""
    true = logits.gather(1, labels[:, None])
    others = torch.ones_like(logits, dtype=torch.bool).scatter(1, labels[:, None], False)
    return true - logits[others].view(len(logits), -1)


def label_margins(logits: Logits, marks: Tensor, cuts: Tensor) -> Tensor:
    """(B, L): how far each logit lies on its right side of the threshold.

    marks  (B, L) zeros and ones
    cuts   (L,) thresholds as logits
    """
    return (logits - cuts) * (2 * marks - 1)

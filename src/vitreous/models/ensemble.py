"""Ensemble: several networks vote, and the average of their probabilities errs less than each.

AlexNet's winning entry averaged seven networks (Krizhevsky et al. 2012, section 6).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional as F

from vitreous.errors import UsageError
from vitreous.shapes import Images, Logits


class Ensemble(nn.Module):
    """Logits whose softmax is the mean of the members' softmax outputs.

    members  networks for the same images and classes
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        if not self.members:
            raise UsageError("no networks", where="members", remedy="Give at least one network.")

    def forward(self, images: Images) -> Logits:
        votes = torch.stack([F.log_softmax(member(images), 1) for member in self.members])
        return votes.logsumexp(0) - math.log(len(self.members))

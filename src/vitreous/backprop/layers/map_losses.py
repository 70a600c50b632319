"""Losses of heat maps: one number an image from a map for each point, or from the maps of a box."""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.backprop.layers.loss_layers import Loss, SoftmaxCrossEntropy


class PlaceCrossEntropy(Loss):
    """−Σ t ln softmax(o) over the places of a heat map, the mean over the maps that have a target,
    with slope p − t for each of them.

    outputs, targets  (B, P, h, w): each target sums to 1, or to 0 where nothing is known
    """

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs, self.targets = outputs, targets.to(outputs.dtype)
        self.sums = self.targets.sum((2, 3), keepdim=True)
        self.known = (self.sums > 0).sum((1, 2, 3)).clamp_min(1)
        log_p = torch.log_softmax(outputs.flatten(2), 2).reshape(outputs.shape)
        self.p = log_p.exp()
        return -(self.targets * log_p).sum((1, 2, 3)) / self.known

    def slopes(self) -> Tensor:
        return (self.p * self.sums - self.targets) / self.known.view(-1, 1, 1, 1)


class MappedClassAndBox(Loss):
    """α S + (1 − α) (P + R): the cross-entropy S of a class, from the logits of all places by the
    softmax p of the middle, which S does not teach; P that of p itself; and the smooth L1 loss R of
    the box's numbers, by the middle that would be right.

    outputs  (B, L + 5, h, w) logits of classes, one of the middle, four numbers
    targets  (B, 6, h, w) the class number everywhere, -1 where there is no box; the right middle,
             which sums to 1, or to 0 there; and what the numbers should be
    alpha    α, in [0, 1]
    delta    distance from which on R is linear: see `SmoothL1`
    """

    def __init__(self, alpha: float = 0.5, *, delta: float = 1.0):
        super().__init__()
        self.alpha, self.delta = alpha, delta
        self.named, self.middle = SoftmaxCrossEntropy(ignore=-1), PlaceCrossEntropy()

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs, logits, place = outputs, outputs[:, :-5], outputs[:, -5:-4]
        self.wanted = targets[:, 1:2].to(outputs.dtype)
        placed = self.middle.losses(place, self.wanted)
        self.difference = outputs[:, -4:] - targets[:, 2:]
        distance = self.difference.abs()
        near = distance.clamp_max(self.delta)
        numbers = near * (distance - near / 2) / self.delta
        placed = placed + (self.wanted * numbers).sum((1, 2, 3)) / 4
        if not logits.shape[1]:  # boxes of one kind have no class
            return (1 - self.alpha) * placed
        pooled = (logits * self.middle.p).sum((2, 3))
        named = self.named.losses(pooled, targets[:, 0, 0, 0].long())
        return self.alpha * named + (1 - self.alpha) * placed

    def slopes(self) -> Tensor:
        numbers = self.wanted * (self.difference / self.delta).clamp(-1, 1) / 4
        placed = (1 - self.alpha) * torch.cat([self.middle.slopes(), numbers], 1)
        if self.outputs.shape[1] == 5:
            return placed
        named = self.alpha * self.named.slopes()[..., None, None] * self.middle.p
        return torch.cat([named, placed], 1)

"""The loss of a detector with its derivative by hand: maps of centers, and boxes by their GIoU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.backprop.layers.loss_layers import Loss

EDGES = 4


class CentersAndBoxes(Loss):
    """C + β R: the focal loss C of maps of centers, and the mean R of 1 − GIoU of the boxes.

    With p = σ(o + b) and n centers, C is 1/n Σ −(1 − p)² ln p at centers, whose slope is
    2p (1 − p)² ln p − (1 − p)³, and −w p² ln(1 − p) elsewhere, whose slope is
    w (p³ − 2p² (1 − p) ln(1 − p)), with w = (1 − t)⁴. A place tells how far the edges of a box are
    from it, as d = u exp(o).

    outputs  (B, L + 4, h, w) logits of the maps; then left, top, right, bottom
    targets  (B, L + 5, h, w) the maps t, NaN where nothing is known; what each place counts for
             its box; the box's edges in pixels
    cell     pixels between places
    prior    b, the logit of a map where the network gives 0
    unit     u, in pixels
    largest  outputs of edges beyond it are cut off
    close    β
    """

    def __init__(self, *, cell: int, prior: float, unit: float, largest: float, close: float):
        super().__init__()
        self.cell, self.prior, self.unit = cell, prior, unit
        self.largest, self.close = largest, close

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs, kinds = outputs, outputs.shape[1] - EDGES
        heat, self.share = targets[:, :kinds], targets[:, kinds]
        self.logits, self.numbers = outputs[:, :kinds] + self.prior, outputs[:, kinds:]
        self.middles = (heat == 1).to(outputs.dtype)
        self.far = ((1 - heat.nan_to_num(0)) ** 4 * heat.isfinite()).to(outputs.dtype)
        self.count = self.middles.flatten(1).sum(1).clamp_min(1)
        p = self.logits.sigmoid()
        near = self.middles * (1 - p).square() * F.softplus(-self.logits)
        other = self.far * p.square() * F.softplus(self.logits)
        centers = (near + other).flatten(1).sum(1) / self.count
        told = (self.share * self._overlap(targets[:, kinds + 1 :])).flatten(1).sum(1)
        return centers + self.close * told

    def _overlap(self, wanted: Tensor) -> Tensor:
        """(B, h, w) 1 − GIoU of each place's box; keeps what the slopes need."""
        height, width = wanted.shape[2:]
        x = (torch.arange(width, device=wanted.device) + 0.5) * self.cell
        y = (torch.arange(height, device=wanted.device) + 0.5) * self.cell
        place = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])
        self.away = self.numbers.clamp_max(self.largest).exp() * self.unit
        low, high = place - self.away[:, :2], place + self.away[:, 2:]
        first, last = wanted[:, :2], wanted[:, 2:]
        self.sides = high - low
        self.shared = (torch.minimum(high, last) - torch.maximum(low, first)).clamp_min(0)
        self.around = torch.maximum(high, last) - torch.minimum(low, first)
        # How each shared and surrounding side grows with the four distances.
        inner = torch.cat([low > first, high < last], 1) & torch.cat([self.shared > 0] * 2, 1)
        outer = torch.cat([low < first, high > last], 1)
        self.inner, self.outer = inner.to(self.away.dtype), outer.to(self.away.dtype)
        own, true = self.sides.prod(1), (last - first).prod(1)
        self.meet, self.hull = self.shared.prod(1), self.around.prod(1).clamp_min(1e-9)
        self.union = (own + true - self.meet).clamp_min(1e-9)
        return 2 - self.meet / self.union - self.union / self.hull

    def slopes(self) -> Tensor:
        p, count = self.logits.sigmoid(), self.count.view(-1, 1, 1, 1)
        near = 2 * p * (1 - p).square() * F.logsigmoid(self.logits) - (1 - p) ** 3
        other = p**3 + 2 * p.square() * (1 - p) * F.softplus(self.logits)
        centers = (self.middles * near + self.far * other) / count
        # A side grows with both of its distances; an area by the length of its other side.
        meet = self.inner * torch.cat([self.shared.flip(1)] * 2, 1)
        own = torch.cat([self.sides.flip(1)] * 2, 1)
        hull = self.outer * torch.cat([self.around.flip(1)] * 2, 1)
        m, u, c = (each[:, None] for each in (self.meet, self.union, self.hull))
        union = own - meet
        told = -meet / u + m * union / u**2 - union / c + u * hull / c**2
        within = self.numbers < self.largest
        boxes = told * self.away * within * self.share[:, None] * self.close
        return torch.cat([centers, boxes], 1)

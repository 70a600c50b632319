"""Losses at the top of a network: one number from outputs and targets, and its gradient.

A loss takes (outputs, targets) and starts the backward pass: `backward()` returns ∂E/∂outputs, with
∂E/∂E = 1. With cross-entropy behind a softmax (or a sigmoid) that gradient is the plain difference
o − y. With a squared error behind a sigmoid it is (o − y) σ′, which vanishes where the unit is
saturated, however wrong it may be.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.backprop.layers.layer import Layer


class Loss(Layer):
    """Mean over the batch of one loss an example; Σ w·l / Σ w where the examples have weights.

    Subclasses give the losses and their gradients example by example.
    """

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(B,) the loss of each example."""
        raise NotImplementedError

    def slopes(self) -> Tensor:
        """The derivative of each example's loss with respect to its outputs, in their shape."""
        raise NotImplementedError

    def forward(
        self,
        outputs: Tensor,
        targets: Tensor,
        weights: Tensor | None = None,
        total: Tensor | float | None = None,
    ) -> Tensor:
        """The mean loss, or this batch's part of it.

        weights  (B,) importance of each example, or None
        total    sum of the weights of all examples that the mean is over, if there are others
        """
        losses = self.losses(outputs, targets)
        if weights is None:
            weights = losses.new_ones(len(losses))
        self.shares = weights / (weights.sum().clamp_min(1e-12) if total is None else total)
        return losses @ self.shares

    def input_gradient(self, gradient: Tensor) -> Tensor:
        shares = (gradient * self.shares).reshape(-1, *[1] * (self.outputs.dim() - 1))
        return shares * self.slopes()

    def backward(self, gradient: Tensor | None = None) -> Tensor:
        """∂E/∂outputs; `gradient` is 1 unless the loss itself is only a part of something."""
        with torch.no_grad():
            return self.input_gradient(self.shares.new_ones(()) if gradient is None else gradient)

    outputs: Tensor


class SoftmaxCrossEntropy(Loss):
    """−w Σ t ln softmax(o), with slope w (p − t), where w is what the example's own classes weigh;
    over the pixels of a map the mean of those that count.

    outputs    (B, L) or (B, L, H, W) logits
    targets    (B,) or (B, H, W) class numbers, or (B, L) probabilities
    smoothing  share of each target that is spread evenly over the classes
    weights    (L,) importance of each class, or None
    ignore     the number of pixels without a class, which do not count
    """

    def __init__(
        self, *, smoothing: float = 0.0, weights: Tensor | None = None, ignore: int | None = None
    ):
        super().__init__()
        self.smoothing, self.weights, self.ignore = smoothing, weights, ignore

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs, classes = outputs, outputs.shape[1]
        counted = outputs.new_ones(len(outputs), *outputs.shape[2:])  # (B,) or (B, H, W)
        if not targets.is_floating_point():
            if self.ignore is not None:
                counted = (targets != self.ignore).to(outputs.dtype)
                targets = targets.where(counted > 0, 0)
            targets = F.one_hot(targets, classes).movedim(-1, 1)
        targets = targets.to(outputs.dtype)
        own: Tensor | float = 1.0
        if self.weights is not None:
            shape = -1, *[1] * (outputs.dim() - 2)
            own = (targets * self.weights.to(outputs).view(shape)).sum(1, keepdim=True)
        if self.smoothing:
            targets = targets * (1 - self.smoothing) + self.smoothing / classes
        targets = targets * own
        pixels = counted.reshape(len(outputs), -1).sum(1).clamp_min(1)
        share = counted / pixels.view(-1, *[1] * (counted.dim() - 1))  # of each pixel in its image
        self.targets, self.log_p = targets * share[:, None], torch.log_softmax(outputs, 1)
        return -(self.targets * self.log_p).reshape(len(outputs), -1).sum(1)

    def slopes(self) -> Tensor:
        return self.log_p.exp() * self.targets.sum(1, keepdim=True) - self.targets


class SigmoidCrossEntropy(Loss):
    """−t ln σ(o) − (1 − t) ln(1 − σ(o)), the mean over the labels, with slope (σ(o) − t) / L.

    outputs, targets  (B, L): each label is a yes or no of its own
    """

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs, self.targets = outputs, targets.to(outputs.dtype)
        losses = F.softplus(outputs) - self.targets * outputs
        return losses.flatten(1).mean(1)

    def slopes(self) -> Tensor:
        return (torch.sigmoid(self.outputs) - self.targets) / self.outputs[0].numel()


class SquaredError(Loss):
    """The mean over all outputs of (o − t)², with slope 2 (o − t) / L."""

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs, self.difference = outputs, outputs - targets.reshape(outputs.shape)
        return self.difference.square().flatten(1).mean(1)

    def slopes(self) -> Tensor:
        return 2 * self.difference / self.outputs[0].numel()


class SmoothL1(Loss):
    """The mean of h(o − t) over the outputs whose target is known, with slope o − t near the target
    and never more than 1: h(d) = d²/2δ where |d| <= δ, else |d| − δ/2.

    targets  of the outputs' shape, NaN where nothing is known
    delta    above 0, in the unit of the outputs
    """

    def __init__(self, *, delta: float = 1.0):
        super().__init__()
        self.delta = delta

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs = outputs
        targets = targets.reshape(outputs.shape).to(outputs.dtype)
        self.counted = targets.isfinite().flatten(1).sum(1).clamp_min(1)
        self.difference = (outputs - targets).nan_to_num(0)
        distance = self.difference.abs()
        near = distance.clamp_max(self.delta)
        return (near * (distance - near / 2) / self.delta).flatten(1).sum(1) / self.counted

    def slopes(self) -> Tensor:
        known = self.counted.view(-1, *[1] * (self.outputs.dim() - 1))
        return (self.difference / self.delta).clamp(-1, 1) / known


class ClassAndBox(Loss):
    """α S + (1 − α) R: the cross-entropy S of a class, and the smooth L1 loss R of a box.

    outputs  (B, L + 4) logits, and four numbers of the box
    targets  (B, 5) the class number, -1 where there is no box, and the box as the outputs give it,
             NaN there
    alpha    α, in [0, 1]
    """

    def __init__(self, alpha: float = 0.5):
        super().__init__()
        self.alpha = alpha
        self.named, self.placed = SoftmaxCrossEntropy(ignore=-1), SmoothL1()

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs, logits = outputs, outputs[:, :-4]
        placed = (1 - self.alpha) * self.placed.losses(outputs[:, -4:], targets[:, 1:])
        if not logits.shape[1]:  # boxes of one kind have no class
            return placed
        return self.alpha * self.named.losses(logits, targets[:, 0].long()) + placed

    def slopes(self) -> Tensor:
        placed = (1 - self.alpha) * self.placed.slopes()
        if self.outputs.shape[1] == 4:
            return placed
        return torch.cat([self.alpha * self.named.slopes(), placed], 1)


class Hinge(Loss):
    """w/L Σ_y t_y Σ_{j≠y} max(0, m + o_j − o_y): the right class shall win by a margin m.

    outputs  (B, L) scores
    targets  (B,) class numbers, or (B, L) probabilities t
    weights  (L,) importance of each class, of which w is that of the example's own, or None
    """

    def __init__(self, *, margin: float = 1.0, weights: Tensor | None = None):
        super().__init__()
        self.margin, self.weights = margin, weights

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs, classes = outputs, outputs.shape[1]
        if targets.is_floating_point():
            shares, right = targets.to(outputs.dtype), torch.arange(classes, device=outputs.device)
            right = right.expand(len(outputs), classes)
        else:  # the one class that is right has the whole target
            shares, right = outputs.new_ones(len(outputs), 1), targets[:, None]
        gaps = self.margin + outputs[:, None, :] - outputs.gather(1, right)[:, :, None]  # (B, y, j)
        gaps.scatter_(2, right[:, :, None], 0)
        if self.weights is not None:
            shares = shares * (shares * self.weights.to(outputs)[right]).sum(1, keepdim=True)
        violated = (gaps > 0).to(outputs.dtype) * shares[:, :, None]
        self.pulls = violated.sum(1).scatter_add(1, right, -violated.sum(2)) / classes
        return (gaps.clamp(min=0).sum(2) * shares).sum(1) / classes

    def slopes(self) -> Tensor:
        return self.pulls


class BinaryHinge(Loss):
    """max(0, m − y o) for targets y = ±1, the mean over the outputs: a support vector machine."""

    def __init__(self, *, margin: float = 1.0):
        super().__init__()
        self.margin = margin

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.outputs, self.signs = outputs, targets.to(outputs.dtype).reshape(outputs.shape)
        return (self.margin - self.signs * outputs).clamp(min=0).flatten(1).mean(1)

    def slopes(self) -> Tensor:
        violated = self.margin - self.signs * self.outputs > 0
        return torch.where(violated, -self.signs, 0.0) / self.outputs[0].numel()


LOSSES: dict[str, Any] = {
    "cross_entropy": SoftmaxCrossEntropy,
    "binary_cross_entropy": SigmoidCrossEntropy,
    "squared_error": SquaredError,
    "smooth_l1": SmoothL1,
    "hinge": Hinge,
    "binary_hinge": BinaryHinge,
}

"""Where paths part and meet again: residual sums and concatenation.

A value that is used twice receives the sum of both gradients. A sum passes its gradient to every
term unchanged, which is why residual networks train at any depth; a concatenation cuts it up.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitreous.backprop.layers.layer import Layer, collect, single


class Residual(Layer):
    """y = shortcut(x) + body(x); without a shortcut, y = x + body(x).

    He et al. (2015), "Deep Residual Learning for Image Recognition", arXiv:1512.03385, eq. 1-2.
    """

    def __init__(self, body: Layer, shortcut: Layer | None = None):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def parameters(self) -> dict[str, Tensor]:
        parts = [self.body] if self.shortcut is None else [self.body, self.shortcut]
        return collect([part.parameters() for part in parts])

    def forward(self, x: Tensor) -> Tensor:
        self.body.training = self.training
        if self.shortcut is None:
            return x + self.body.forward(x)
        self.shortcut.training = self.training
        return self.shortcut.forward(x) + self.body.forward(x)

    def backward(self, gradient: Tensor) -> Tensor:
        through = single(self.body.backward(gradient))
        if self.shortcut is None:
            self.gradients = collect([self.body.gradients])
            return gradient + through
        around = single(self.shortcut.backward(gradient))
        self.gradients = collect([self.body.gradients, self.shortcut.gradients])
        return around + through


class Concatenate(Layer):
    """Any number of inputs, joined along an axis; the gradient is cut at the same places."""

    def __init__(self, axis: int = 1):
        super().__init__()
        self.axis = axis

    def forward(self, *inputs: Tensor) -> Tensor:
        self.sizes = [x.shape[self.axis] for x in inputs]
        return torch.cat(inputs, self.axis)

    def input_gradient(self, gradient: Tensor) -> tuple[Tensor, ...]:
        return torch.split_with_sizes(gradient, self.sizes, self.axis)


class Branches(Layer):
    """Several paths from one input, concatenated along the channels, as in an Inception module."""

    def __init__(self, *paths: Layer, axis: int = 1):
        super().__init__()
        self.paths, self.join = paths, Concatenate(axis)

    def parameters(self) -> dict[str, Tensor]:
        return collect([path.parameters() for path in self.paths])

    def forward(self, x: Tensor) -> Tensor:
        for path in self.paths:
            path.training = self.training
        return self.join.forward(*(path.forward(x) for path in self.paths))

    def backward(self, gradient: Tensor) -> Tensor:
        pieces = self.join.input_gradient(gradient)
        gradients = [
            single(path.backward(piece)) for path, piece in zip(self.paths, pieces, strict=True)
        ]
        self.gradients = collect([path.gradients for path in self.paths])
        return torch.stack(gradients).sum(0)

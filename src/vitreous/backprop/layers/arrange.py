"""Reshape, flatten, permute, slice, expand, pad: layers that only move numbers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from vitreous.backprop.layers.layer import Layer
from vitreous.backprop.tape.rule import sum_to


class Identity(Layer):
    """y = x."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return gradient


class Reshape(Layer):
    """Any tensor to (-1, *shape)."""

    def __init__(self, *shape: int):
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        self.before = x.shape
        return x.reshape(-1, *self.shape)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return gradient.reshape(self.before)


class Flatten(Reshape):
    """The axes from `start` to `end` become one; the gradient gets its axes back."""

    def __init__(self, start: int = 1, end: int = -1):
        Layer.__init__(self)
        self.start, self.end = start, end

    def forward(self, x: Tensor) -> Tensor:
        self.before = x.shape
        return x.flatten(self.start, self.end)


class Permute(Layer):
    """Axes in another order; the gradient in the inverse order."""

    def __init__(self, *order: int):
        super().__init__()
        self.order = [axis % len(order) for axis in order]
        self.inverse = sorted(range(len(order)), key=self.order.__getitem__)

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.order)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return gradient.permute(self.inverse)


class Slice(Layer):
    """x[index] with numbers and slices; the gradient lands in its place among zeros."""

    def __init__(self, index: object):
        super().__init__()
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        self.before = x
        return x[self.index]  # type: ignore[index]

    def input_gradient(self, gradient: Tensor) -> Tensor:
        whole = torch.zeros_like(self.before)
        whole[self.index] = gradient  # type: ignore[index]
        return whole


class Scatter(Layer):
    """Values written into a tensor at the places that `index` names, once each."""

    def __init__(self, index: tuple[Tensor, ...]):
        super().__init__()
        self.index = index

    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        return x.index_put(self.index, values)

    def input_gradient(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        rest = gradient.clone()
        rest[self.index] = 0
        return rest, gradient[self.index]


class Expand(Layer):
    """Copies along axes of size 1, or along new first axes; the gradient sums over them."""

    def __init__(self, *shape: int):
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        self.before = tuple(x.shape)
        return x.expand(self.shape)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return sum_to(gradient, self.before)


class Pad(Layer):
    """Zeros around the last axes: (left, right, top, bottom), as torch counts them."""

    def __init__(self, *widths: int):
        super().__init__()
        self.widths = widths

    def forward(self, x: Tensor) -> Tensor:
        return pad(x, self.widths)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return pad(gradient, [-width for width in self.widths])

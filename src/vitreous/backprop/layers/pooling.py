"""Pooling: the largest or the average of each window.

Average pooling of every kind (windows, adaptive, global) is a product with a fixed matrix for the
rows and one for the columns, Y = A X Bᵀ, so its gradient is Aᵀ G B. Max pooling sends the whole
gradient to the winner of each window; of equal values the first in reading order wins, as in torch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.backprop.layers.convolution import pair
from vitreous.backprop.layers.layer import Layer

Windows = list[tuple[int, int]]


class MaxPool(Layer):
    """(B, C, H, W) to (B, C, h, w): the largest value of each window."""

    def __init__(
        self,
        kernel: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        *,
        ceil: bool = False,
    ):
        super().__init__()
        self.kernel, self.stride = pair(kernel), pair(kernel if stride is None else stride)
        self.padding, self.dilation, self.ceil = pair(padding), pair(dilation), ceil

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        largest, self.winners = F.max_pool2d(
            x, self.kernel, self.stride, self.padding, self.dilation, self.ceil, return_indices=True
        )
        return largest

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return to_winners(gradient, self.winners, self.shape)


class AdaptiveMaxPool(Layer):
    """(B, C, H, W) to (B, C, h, w) for any H and W; (1, 1) is global max pooling."""

    def __init__(self, size: int | tuple[int, ...] = 1):
        super().__init__()
        self.size = pair(size)

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        largest, self.winners = F.adaptive_max_pool2d(x, self.size, return_indices=True)
        return largest

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return to_winners(gradient, self.winners, self.shape)


class GlobalMax(AdaptiveMaxPool):
    """(B, C, H, W) to (B, C): the largest value of each map."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten(1)


def to_winners(gradient: Tensor, winners: Tensor, shape: torch.Size) -> Tensor:
    """Each gradient (B, C, h, w) at its winner's place in a map of zeros (B, C, H, W).

    winners  position in the flattened map; one that wins in several windows collects the sum
    """
    flat = gradient.new_zeros(shape[0], shape[1], shape[2] * shape[3])
    flat.scatter_add_(2, winners.flatten(2), gradient.reshape(*shape[:2], -1))
    return flat.reshape(shape)


class AveragePool(Layer):
    """(B, C, H, W) to (B, C, h, w): the average of each window."""

    def __init__(
        self,
        kernel: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        *,
        ceil: bool = False,
        count_padding: bool = True,
    ):
        super().__init__()
        self.kernel, self.stride = pair(kernel), pair(kernel if stride is None else stride)
        self.padding, self.ceil, self.count_padding = pair(padding), ceil, count_padding

    def matrices(self, height: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = (
            averaging(
                sliding(size, self.kernel[axis], self.stride[axis], self.padding[axis], self.ceil),
                size,
                like,
                self.padding[axis] if self.count_padding else 0,
            )
            for axis, size in enumerate((height, width))
        )
        return rows, columns

    def forward(self, x: Tensor) -> Tensor:
        self.rows, self.columns = self.matrices(x.shape[2], x.shape[3], x)
        return self.rows @ x @ self.columns.T

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return self.rows.T @ gradient @ self.columns


class AdaptiveAveragePool(AveragePool):
    """(B, C, H, W) to (B, C, h, w) for any H and W, with windows that share the map evenly."""

    def __init__(self, size: int | tuple[int | None, ...] | None = 1):
        Layer.__init__(self)
        self.size = size if isinstance(size, tuple) else (size, size)

    def matrices(self, height: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = (
            averaging(sharing(size, out or size), size, like)
            for size, out in zip((height, width), self.size, strict=True)
        )
        return rows, columns


class GlobalAverage(Layer):
    """(B, C, H, W) to (B, C): the average of each map. It has no parameters and takes any size."""

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        return x.mean((2, 3))

    def input_gradient(self, gradient: Tensor) -> Tensor:
        share = gradient / (self.shape[2] * self.shape[3])
        return share[:, :, None, None].expand(self.shape)


def sliding(size: int, kernel: int, stride: int, padding: int, ceil: bool) -> Windows:
    """The windows [start, stop) along one axis; they may begin or end in the padding."""
    steps, rest = divmod(size + 2 * padding - kernel, stride)
    count = steps + 1 + (1 if ceil and rest else 0)
    # A window that would begin in the padding of the far side sees nothing and does not exist.
    if ceil and (count - 1) * stride >= size + padding:
        count -= 1
    starts = [index * stride - padding for index in range(count)]
    return [(start, start + kernel) for start in starts]


def sharing(size: int, count: int) -> Windows:
    """`count` windows that together cover the axis, as adaptive pooling cuts it."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def averaging(windows: Windows, size: int, like: Tensor, padding: int = 0) -> Tensor:
    """(windows, size): each row averages one window; positions in the padding count as zeros."""
    matrix = like.new_zeros(len(windows), size)
    for row, (start, stop) in zip(matrix, windows, strict=True):
        counted = min(stop, size + padding) - max(start, -padding)
        row[max(start, 0) : min(stop, size)] = 1 / counted
    return matrix

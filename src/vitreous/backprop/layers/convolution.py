"""Convolution and its transpose, and the three correlations that make up their backward passes.

What networks call convolution is a correlation: the kernel slides over the map without being
flipped, Y(r, c) = Σ W(u, v) X(r + u, c + v). The convolution of signal processing flips it first;
both are in `vitreous.blocks.filters`.
The gradient with respect to the input is the transposed convolution of the output's gradient with
the same kernel; the gradient with respect to the kernel is the correlation of input and gradient,
with stride and dilation exchanged.

Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from vitreous.backprop.layers.layer import Layer

Pair = tuple[int, int]


def pair(value: int | tuple[int, ...]) -> Pair:
    """One number for both axes, or one for each: (rows, columns)."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


class Convolution(Layer):
    """(B, C, H, W) to (B, K, h, w); weight (K, C/groups, kernel rows, kernel columns)."""

    learned = ("weight", "bias")

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
    ):
        super().__init__()
        self.weight, self.bias, self.groups = weight, bias, groups
        self.stride, self.padding, self.dilation = pair(stride), pair(padding), pair(dilation)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return F.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def input_gradient(self, gradient: Tensor) -> Tensor:
        # A stride may leave rows at the lower border that no window reached; they get zeros.
        unreached = [
            size - ((out - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1)
            for size, out, stride, padding, dilation, kernel in zip(
                self.x.shape[2:], gradient.shape[2:], self.stride, self.padding, self.dilation,
                self.weight.shape[2:], strict=True,
            )
        ]  # fmt: skip
        return F.conv_transpose2d(
            gradient, self.weight, None, self.stride, self.padding, unreached, self.groups,
            self.dilation,
        )  # fmt: skip

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        gradients = {
            "weight": kernel_gradient(
                self.x, gradient, self.weight, self.stride, self.padding, self.dilation, self.groups
            )
        }
        if self.bias is not None:
            gradients["bias"] = gradient.sum((0, 2, 3))
        return gradients


class ComputedConvolution(Layer):
    """A convolution whose kernel is itself computed: two inputs, a map and a kernel."""

    learned = ("bias",)

    def __init__(self, bias: Tensor | None = None, **options: Any):
        super().__init__()
        self.bias, self.options = bias, options

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        self.convolution = Convolution(weight, self.bias, **self.options)
        return self.convolution.forward(x)

    def input_gradient(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        by_kernel = self.convolution.parameter_gradients(gradient)["weight"]
        return self.convolution.input_gradient(gradient), by_kernel

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        return {} if self.bias is None else {"bias": gradient.sum((0, 2, 3))}


class TransposedConvolution(Layer):
    """(B, C, h, w) to (B, K, H, W), the transpose of a convolution; weight (C, K/groups, ...).

    Forward and input gradient of a convolution, exchanged; the kernel's gradient is the same
    correlation with the roles of input and gradient exchanged.
    """

    learned = ("weight", "bias")

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
    ):
        super().__init__()
        self.weight, self.bias, self.groups = weight, bias, groups
        self.stride, self.padding, self.dilation = pair(stride), pair(padding), pair(dilation)
        self.output_padding = pair(output_padding)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups,
            self.dilation,
        )  # fmt: skip

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return F.conv2d(
            gradient, self.weight, None, self.stride, self.padding, self.dilation, self.groups
        )

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        gradients = {
            "weight": kernel_gradient(
                gradient, self.x, self.weight, self.stride, self.padding, self.dilation, self.groups
            )
        }
        if self.bias is not None:
            gradients["bias"] = gradient.sum((0, 2, 3))
        return gradients


def kernel_gradient(
    large: Tensor,
    small: Tensor,
    weight: Tensor,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Tensor:
    """∂E/∂W(u, v) = Σ small(r, c) large(stride·r + dilation·u, stride·c + dilation·v).

    large   (B, C, H, W), the input of the convolution
    small   (B, K, h, w), the gradient of its output
    return  the shape of `weight`, (K, C/groups, rows, columns)

    Batch and channels change places, so that a convolution call sums over the batch.
    """
    batch, channels = large.shape[:2]
    rows, columns = weight.shape[2:]
    slides = large.reshape(batch, groups, channels // groups, *large.shape[2:])
    slides = slides.transpose(0, 2).flatten(1, 2)  # (C/groups, groups·B, H, W)
    kernels = small.transpose(0, 1)  # (K, B, h, w)
    gradient = F.conv2d(slides, kernels, None, dilation, padding, stride, groups)
    # A border that the stride never reached would give further rows: they belong to no weight.
    return gradient[:, :, :rows, :columns].transpose(0, 1).contiguous()


def output_size(
    size: int, kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1: the side of the map after a convolution or pooling."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1

"""A convolution, its normalization and its activation: the word of which most networks are made.

What deep learning calls convolution is correlation: the kernel is not flipped. Batch normalization
(Ioffe and Szegedy 2015, arXiv:1502.03167) makes the bias before it redundant, so there is none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.backprop.layers.layer import Layer
from vitreous.backprop.translate.convert import LAYERS
from vitreous.blocks.activation import activation
from vitreous.blocks.narrow import learns_narrow


class SameConv2d(nn.Conv2d):
    """A convolution whose output has ceil(size / stride) pixels, as TensorFlow pads it.

    With stride 2 and an even size, the odd pixel of padding goes to the right and the bottom;
    PyTorch's symmetric padding would shift the map by half a pixel.
    """

    def borders(self, x: Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
        """How many zeros come before and after the rows, and before and after the columns."""
        rows, columns = (
            _same(size, kernel, stride, dilation)
            for size, kernel, stride, dilation in zip(
                x.shape[-2:], self.kernel_size, self.stride, self.dilation, strict=True
            )
        )
        return rows, columns

    def forward(self, x: Tensor) -> Tensor:
        (up, down), (left, right) = self.borders(x)
        if (up, left) == (down, right):
            return convolved(self, x, (up, left))
        return convolved(self, F.pad(x, (left, right, up, down)), (0, 0))


class DepthwiseConv2d(nn.Conv2d):
    """A convolution by which each channel sees itself alone: as many groups as channels."""

    def forward(self, x: Tensor) -> Tensor:
        return convolved(self, x, self.padding)

    def by_hand(self) -> Layer:
        """The same with a hand-written derivative."""
        return LAYERS[nn.Conv2d](self)


def convolved(conv: nn.Conv2d, x: Tensor, padding: Any) -> Tensor:
    """What the convolution makes of x, padded as `F.conv2d` is told.

    On a CPU, derivatives of depthwise convolutions are computed in float32 under autocast: in
    bfloat16 oneDNN takes 2 to 6 times as long (torch 2.13, with AVX-512 and its bfloat16). The
    answer alone is faster in bfloat16.
    """
    weight, bias, shape = conv.weight, conv.bias, (conv.dilation, conv.groups)
    if not (depthwise(conv) and learns_narrow(x, weight)):
        return F.conv2d(x, weight, bias, conv.stride, padding, *shape)
    with torch.autocast("cpu", enabled=False):
        wide = F.conv2d(x.float(), weight, bias, conv.stride, padding, *shape)
    return wide.to(x.dtype)


def depthwise(conv: nn.Conv2d) -> bool:
    """Does each channel of the convolution see one channel of the input alone?"""
    return conv.groups == conv.in_channels > 1


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    reach = dilation * (kernel - 1) + 1
    missing = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return missing // 2, missing - missing // 2


class ConvNormAct(nn.Sequential):
    """Children `conv`, `norm`, `act`; the last two only where asked for.

    padding  None is half the kernel (the size stays at stride 1), "same" is TensorFlow's rule
    norm     makes the normalization for a number of channels; None leaves it out
    act      a name of the activation table, or None
    bias     None is a bias where no normalization would take it away again
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: int | str | None = None,
        groups: int = 1,
        norm: Callable[[int], nn.Module] | None = nn.BatchNorm2d,
        act: str | None = "relu",
        bias: bool | None = None,
    ) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        shape = in_channels, out_channels, kernel, stride
        bias = norm is None if bias is None else bias
        if padding == "same":
            layers["conv"] = SameConv2d(*shape, groups=groups, bias=bias)
        else:
            half = kernel // 2 if padding is None else padding
            kind = DepthwiseConv2d if groups == in_channels > 1 else nn.Conv2d
            layers["conv"] = kind(*shape, half, groups=groups, bias=bias)
        if norm is not None:
            layers["norm"] = norm(out_channels)
        if act is not None:
            layers["act"] = activation(act)
        super().__init__(layers)

"""A convolution, its normalization and its activation: the word of which most networks are made.

What deep learning calls convolution is correlation: the kernel is not flipped. Batch normalization
(Ioffe and Szegedy 2015, arXiv:1502.03167) makes the bias before it redundant, so there is none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.activation import activation


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
            return self._convolved(x, (up, left))
        return self._convolved(F.pad(x, (left, right, up, down)), (0, 0))

    def _convolved(self, x: Tensor, padding: tuple[int, int]) -> Tensor:
        narrow = x.dtype
        if not (depthwise(self) and learns_narrow(x, self.weight)):
            return F.conv2d(
                x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
            )
        with torch.autocast("cpu", enabled=False):
            wide = F.conv2d(
                x.float(), self.weight, self.bias, self.stride, padding, self.dilation, self.groups
            )
        return wide.to(narrow)


def depthwise(conv: nn.Conv2d) -> bool:
    """Does each channel of the convolution see one channel of the input alone?"""
    return conv.groups == conv.in_channels > 1


def learns_narrow(x: Tensor, weight: Tensor) -> bool:
    """Would derivatives be computed on a CPU in the bfloat16 of autocast?

    For depthwise convolutions oneDNN does that 2 to 6 times as slowly as in float32 (torch 2.13,
    with AVX-512 and its bfloat16); the answer alone is faster in bfloat16.
    """
    learns = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    return learns and x.device.type == "cpu" and torch.is_autocast_enabled("cpu")


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
            layers["conv"] = nn.Conv2d(*shape, half, groups=groups, bias=bias)
        if norm is not None:
            layers["norm"] = norm(out_channels)
        if act is not None:
            layers["act"] = activation(act)
        super().__init__(layers)

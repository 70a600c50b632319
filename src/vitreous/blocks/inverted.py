"""The inverted residual: widen with 1×1, filter each channel by itself, narrow again.

A depthwise and a pointwise convolution cost 1/N + 1/k² of a full k×k one with N outputs. The
narrow ends carry the shortcut and no rectifier, which would destroy information there.
Sandler et al. (2018), "MobileNetV2", arXiv:1801.04381; with squeeze and excitation: EfficientNet.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.drop import DropPath
from vitreous.blocks.squeeze import SqueezeExcite
from vitreous.shapes import Features


class InvertedResidual(nn.Module):
    """expand 1×1, depthwise k×k, squeeze, project 1×1; a shortcut where shapes agree.

    expansion  hidden channels for each input channel; 1 leaves the first convolution out
    squeezed   channels of the squeeze, or None for none
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expansion: int,
        kernel: int = 3,
        stride: int = 1,
        squeezed: int | None = None,
        act: str = "relu6",
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
        padding: int | str | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.expand = (
            ConvNormAct(in_channels, hidden, 1, norm=norm, act=act)
            if expansion != 1
            else nn.Identity()
        )
        self.depthwise = ConvNormAct(
            hidden,
            hidden,
            kernel,
            stride=stride,
            padding=padding,
            groups=hidden,
            norm=norm,
            act=act,
        )
        self.squeeze = SqueezeExcite(hidden, squeezed, act) if squeezed else nn.Identity()
        self.project = ConvNormAct(hidden, out_channels, 1, norm=norm, act=None)
        self.drop = DropPath(drop_path)
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Features) -> Features:
        branch: Tensor = self.project(self.squeeze(self.depthwise(self.expand(x))))
        if not self.has_shortcut:
            return branch
        kept: Tensor = self.drop(branch)
        return x + kept

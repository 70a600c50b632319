"""DenseNet: every layer sees the maps of all layers before it, and adds a few of its own.

Nothing is computed twice, so that few maps a layer suffice, and gradients reach every layer
directly. Huang, Liu, van der Maaten and Weinberger (2017), arXiv:1608.06993, table 1.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vitreous.blocks.init import he_convolutions
from vitreous.blocks.pool import GlobalAveragePool
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant
from vitreous.shapes import Features


class DenseLayer(nn.Module):
    """x to [x, f(x)]: `growth` new maps, through a 1×1 bottleneck of four times as many."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.act1 = nn.ReLU()
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.act2 = nn.ReLU()
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Features) -> Features:
        y = self.conv1(self.act1(self.norm1(x)))
        new: Tensor = self.conv2(self.act2(self.norm2(y)))
        return torch.cat([x, new], 1)


class DenseNet(Network):
    """`stem`, dense stages `dense1` to `dense4` with transitions that halve the map, `head`.

    depths  layers of each stage
    growth  new maps a layer (k in the paper)
    stem    channels of the first convolution
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depths: Sequence[int],
        growth: int = 32,
        stem: int = 64,
    ) -> None:
        super().__init__(in_channels)
        self.stem = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(in_channels, stem, 7, 2, 3, bias=False),
                norm=nn.BatchNorm2d(stem),
                act=nn.ReLU(),
                pool=nn.MaxPool2d(3, 2, 1),
            )
        )
        channels = stem
        for number, depth in enumerate(depths, 1):
            layers = [DenseLayer(channels + i * growth, growth) for i in range(depth)]
            self.add_module(f"dense{number}", nn.Sequential(*layers))
            channels += depth * growth
            if number < len(depths):
                self.add_module(f"transition{number}", _transition(channels))
                channels //= 2
        self.norm = nn.BatchNorm2d(channels)
        self.act = nn.ReLU()
        self.avgpool = GlobalAveragePool()
        self.head = nn.Linear(channels, num_classes)
        he_convolutions(self)


def _transition(channels: int) -> nn.Sequential:
    """Half the channels, half the side."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            act=nn.ReLU(),
            conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
            pool=nn.AvgPool2d(2),
        )
    )


def _variant(
    name: str, parameters: int, macs: int, depths: tuple[int, ...], growth: int = 32, stem: int = 64
) -> Variant:
    return Variant(
        name=name,
        build=DenseNet,
        year=2016,
        paper='Huang et al., "Densely connected convolutional networks", arXiv:1608.06993',
        parameters=parameters,
        macs=macs,
        arguments={"depths": depths, "growth": growth, "stem": stem},
        sizes=Sizes(default=224, minimum=29),
    )


VARIANTS = (
    _variant("densenet121", 7_978_856, 2_834_161_664, (6, 12, 24, 16)),
    _variant("densenet169", 14_149_480, 3_359_843_328, (6, 12, 32, 32)),
    _variant("densenet201", 20_013_928, 4_291_365_888, (6, 12, 48, 32)),
    _variant("densenet161", 28_681_000, 7_727_907_072, (6, 12, 36, 24), growth=48, stem=96),
)

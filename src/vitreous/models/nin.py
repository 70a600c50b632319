"""Network in network: a small perceptron slides over the image, and no dense layer follows.

A 1×1 convolution is a dense layer at every pixel. The last one makes one map for each class, and
the average of a map is the class's score: global average pooling has no parameters to overfit, and
takes images of any size. Lin, Chen and Yan (2014), "Network in network", arXiv:1312.4400.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.init import he_convolutions
from vitreous.blocks.pool import GlobalAveragePool
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant


class MlpConv(nn.Sequential):
    """A k×k convolution and 1×1 convolutions, each with its rectifier."""

    def __init__(
        self, in_channels: int, widths: Sequence[int], kernel: int, stride: int, padding: int
    ) -> None:
        first, *rest = widths
        super().__init__(
            ConvNormAct(in_channels, first, kernel, stride=stride, padding=padding, norm=None),
            *[ConvNormAct(a, b, 1, norm=None) for a, b in zip(widths, rest, strict=False)],
        )


class Layer(NamedTuple):
    """One mlpconv layer: widths, and the shape of its first convolution."""

    widths: tuple[int, ...]
    kernel: int
    stride: int
    padding: int


class NiN(Network):
    """`mlpconv1`, `pool1`, `dropout1`, ...; the last mlpconv ends in `head`, then the average.

    The logits come from the average without a last rectifier, which would forbid negative ones.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        layers: Sequence[Layer],
        dropout: float = 0.5,
    ) -> None:
        super().__init__(in_channels)
        channels = in_channels
        for number, layer in enumerate(layers, 1):
            if number > 1:
                self.add_module(f"pool{number - 1}", nn.MaxPool2d(3, 2, ceil_mode=True))
                self.add_module(f"dropout{number - 1}", nn.Dropout(dropout))
            self.add_module(f"mlpconv{number}", MlpConv(channels, *layer))
            channels = layer.widths[-1]
        self.head = nn.Conv2d(channels, num_classes, 1)
        self.average = GlobalAveragePool()
        he_convolutions(self, keep="signals")
        nn.init.normal_(self.head.weight, 0, 0.01)


_PAPER = 'Lin et al., "Network in network", arXiv:1312.4400'

VARIANTS = (
    Variant(
        name="nin_cifar",
        build=NiN,
        year=2013,
        paper=_PAPER,
        parameters=966_986,
        macs=222_486_528,
        num_classes=10,
        sizes=Sizes(default=32, minimum=4),
        arguments={
            "layers": (
                Layer((192, 160, 96), 5, 1, 2),
                Layer((192, 192, 192), 5, 1, 2),
                Layer((192, 192), 3, 1, 1),
            )
        },
    ),
    Variant(
        name="nin",
        build=NiN,
        year=2013,
        paper=_PAPER,
        parameters=7_595_176,
        macs=1_100_188_800,
        sizes=Sizes(default=224, minimum=39),
        arguments={
            "layers": (
                Layer((96, 96, 96), 11, 4, 0),
                Layer((256, 256, 256), 5, 1, 2),
                Layer((384, 384, 384), 3, 1, 1),
                Layer((1024, 1024), 3, 1, 1),
            )
        },
    ),
)

"""MobileNets: a convolution taken apart into one filter a channel and a 1×1 mixture.

With N outputs and k×k windows that costs 1/N + 1/k² of the full convolution. Howard et al. (2017),
"MobileNets", arXiv:1704.04861, table 1; Sandler et al. (2018), "MobileNetV2", arXiv:1801.04381,
table 2, which wraps it in inverted residuals.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from torch import nn

from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.init import he_convolutions
from vitreous.blocks.inverted import InvertedResidual
from vitreous.blocks.pool import GlobalAveragePool
from vitreous.blocks.width import make_divisible
from vitreous.models.network import Network
from vitreous.models.rows import Variant


class Separable(nn.Sequential):
    """Children `depthwise` (3×3, one filter a channel) and `pointwise` (1×1)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        depthwise = ConvNormAct(in_channels, in_channels, 3, stride=stride, groups=in_channels)
        pointwise = ConvNormAct(in_channels, out_channels, 1)
        super().__init__(OrderedDict(depthwise=depthwise, pointwise=pointwise))


# Output channels and strides of the separable convolutions, stage by stage.
V1 = (
    ((64, 1),),
    ((128, 2), (128, 1)),
    ((256, 2), (256, 1)),
    ((512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)),
    ((1024, 2), (1024, 1)),
)


class MobileNetV1(Network):
    """`stem`, `stage1` to `stage5` of separable convolutions, average, `head`.

    width  multiple of all channels (α in the paper)
    """

    def __init__(
        self, *, num_classes: int, in_channels: int, width: float = 1.0, dropout: float = 0.0
    ) -> None:
        super().__init__(in_channels)
        channels = make_divisible(32 * width)
        self.stem = ConvNormAct(in_channels, channels, stride=2)
        for number, stage in enumerate(V1, 1):
            blocks = []
            for out, stride in stage:
                out = make_divisible(out * width)
                blocks.append(Separable(channels, out, stride))
                channels = out
            self.add_module(f"stage{number}", nn.Sequential(*blocks))
        self.avgpool = GlobalAveragePool()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, num_classes)
        he_convolutions(self)


class Stage(NamedTuple):
    """One row of table 2 of MobileNetV2: t, c, n, s."""

    expansion: int
    channels: int
    depth: int
    stride: int


V2 = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)


class MobileNetV2(Network):
    """`stem`, `stage1` to `stage7` of inverted residuals, `top` (1×1), average, `head`.

    width  multiple of all channels; those of `top` do not shrink below 1280
    """

    def __init__(
        self, *, num_classes: int, in_channels: int, width: float = 1.0, dropout: float = 0.2
    ) -> None:
        super().__init__(in_channels)
        channels = make_divisible(32 * width)
        self.stem = ConvNormAct(in_channels, channels, stride=2, act="relu6")
        for number, stage in enumerate(V2, 1):
            out = make_divisible(stage.channels * width)
            blocks = []
            for position in range(stage.depth):
                stride = stage.stride if position == 0 else 1
                blocks.append(
                    InvertedResidual(channels, out, expansion=stage.expansion, stride=stride)
                )
                channels = out
            self.add_module(f"stage{number}", nn.Sequential(*blocks))
        last = make_divisible(1280 * max(1.0, width))
        self.top = ConvNormAct(channels, last, 1, act="relu6")
        self.avgpool = GlobalAveragePool()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(last, num_classes)
        he_convolutions(self)


_V1 = 'Howard et al., "MobileNets", arXiv:1704.04861'
_V2 = 'Sandler et al., "MobileNetV2: inverted residuals", arXiv:1801.04381'

VARIANTS = (
    Variant(
        name="mobilenet_v1",
        build=MobileNetV1,
        year=2017,
        paper=_V1,
        parameters=4_231_976,
        macs=568_740_352,
    ),
    Variant(
        name="mobilenet_v2",
        build=MobileNetV2,
        year=2018,
        paper=_V2,
        parameters=3_504_872,
        macs=300_774_272,
    ),
    Variant(
        name="mobilenet_v2_050",
        build=MobileNetV2,
        arguments={"width": 0.5},
        year=2018,
        paper=_V2,
        parameters=1_968_680,
        macs=97_131_840,
    ),
)

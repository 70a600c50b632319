"""VGG: nothing but 3×3 convolutions, two or more in a row, and depth does the rest.

Two 3×3 convolutions see as far as one 5×5, with fewer weights and one more non-linearity.
Simonyan and Zisserman (2015), "Very deep convolutional networks for large-scale image
recognition", arXiv:1409.1556, table 1. 89 % of VGG-16's weights sit in its dense layers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.dense import Dense
from vitreous.blocks.init import he_convolutions
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant

WIDTHS = (64, 128, 256, 512, 512)


class VGG(Network):
    """`stage1` to `stage5`, each of some convolutions and a pooling; `fc6`, `fc7`, `head`.

    depths      convolutions of each stage
    batch_norm  after every convolution, as came into use later (published weights keep the biases)
    dropout     of the two hidden dense layers

    Images of other sizes than 224 are averaged to the 7×7 maps that the dense layers expect.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depths: Sequence[int],
        batch_norm: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(in_channels)
        norm = nn.BatchNorm2d if batch_norm else None
        channels = in_channels
        for number, (depth, width) in enumerate(zip(depths, WIDTHS, strict=True), 1):
            stage: OrderedDict[str, nn.Module] = OrderedDict()
            for position in range(1, depth + 1):
                stage[f"conv{position}"] = ConvNormAct(channels, width, 3, norm=norm, bias=True)
                channels = width
            stage["pool"] = nn.MaxPool2d(2)
            self.add_module(f"stage{number}", nn.Sequential(stage))
        self.resize = nn.AdaptiveAvgPool2d(7)
        self.flatten = nn.Flatten()
        self.fc6 = Dense(channels * 49, 4096, dropout=dropout)
        self.fc7 = Dense(4096, 4096, dropout=dropout)
        self.head = nn.Linear(4096, num_classes)
        he_convolutions(self, keep="signals")


def _variant(
    name: str, parameters: int, macs: int, *depths: int, batch_norm: bool = False
) -> Variant:
    return Variant(
        name=name,
        build=VGG,
        year=2014,
        paper='Simonyan and Zisserman, "Very deep convolutional networks", arXiv:1409.1556',
        parameters=parameters,
        macs=macs,
        arguments={"depths": depths, "batch_norm": batch_norm},
        sizes=Sizes(default=224, minimum=32),
    )


VARIANTS = (
    _variant("vgg11", 132_863_336, 7_609_090_048, 1, 1, 2, 2, 2),
    _variant("vgg13", 133_047_848, 11_308_466_176, 2, 2, 2, 2, 2),
    _variant("vgg16", 138_357_544, 15_470_264_320, 2, 2, 3, 3, 3),
    _variant("vgg19", 143_667_240, 19_632_062_464, 2, 2, 4, 4, 4),
    _variant("vgg11_bn", 132_868_840, 7_609_090_048, 1, 1, 2, 2, 2, batch_norm=True),
    _variant("vgg13_bn", 133_053_736, 11_308_466_176, 2, 2, 2, 2, 2, batch_norm=True),
    _variant("vgg16_bn", 138_365_992, 15_470_264_320, 2, 2, 3, 3, 3, batch_norm=True),
    _variant("vgg19_bn", 143_678_248, 19_632_062_464, 2, 2, 4, 4, 4, batch_norm=True),
)

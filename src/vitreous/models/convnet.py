"""A small fast network for small images: what to try first on anything up to 64×64 pixels.

Two 3×3 convolutions a stage, the first followed by pooling, each by batch norm; a global pool and
one dense layer. The order (convolve, pool, normalize, activate) is that of Jordan (2024), "94% on
CIFAR-10 in 3.29 seconds on a single GPU", arXiv:2404.00498: pooling early is what makes it fast.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from vitreous.blocks.activation import activation
from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.init import he_convolutions
from vitreous.blocks.pool import POOLS
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant


class ConvNet(Network):
    """`stem`, then stages that halve the map: `stage1`, `stage2`, ..., pool, `head`.

    stem     channels of the first convolution
    widths   channels of each stage
    act      a name of the activation table
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        stem: int = 16,
        widths: Sequence[int] = (32, 64, 128),
        act: str = "relu",
        pool: str = "max",
    ) -> None:
        super().__init__(in_channels)
        self.stem = ConvNormAct(in_channels, stem, 3, act=act)
        channels = stem
        for number, width in enumerate(widths, 1):
            self.add_module(
                f"stage{number}",
                nn.Sequential(
                    OrderedDict(
                        conv1=nn.Conv2d(channels, width, 3, padding=1, bias=False),
                        pool=nn.MaxPool2d(2),
                        norm1=nn.BatchNorm2d(width),
                        act1=activation(act),
                        conv2=ConvNormAct(width, width, 3, act=act),
                    )
                ),
            )
            channels = width
        self.pool = POOLS[pool]()
        self.head = nn.Linear(channels, num_classes)
        he_convolutions(self)
        self.sizes = Sizes(default=32, minimum=2 ** len(widths))


_PAPER = 'after Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv:2404.00498'

VARIANTS = (
    Variant(
        name="convnet",
        build=ConvNet,
        year=2024,
        paper=_PAPER,
        parameters=0,
        num_classes=10,
        sizes=Sizes(default=32, minimum=8),
        arguments={"stem": 16, "widths": (16, 32, 64)},
    ),
    Variant(
        name="convnet_wide",
        build=ConvNet,
        year=2024,
        paper=_PAPER,
        parameters=0,
        num_classes=10,
        sizes=Sizes(default=32, minimum=8),
        arguments={"stem": 32, "widths": (64, 256, 256), "act": "gelu"},
    ),
)

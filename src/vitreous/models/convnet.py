"""A small fast network for small images: what to try first on anything up to 64×64 pixels.

Two 3×3 convolutions a stage, each with batch norm, the first with pooling; a global pool and one
dense layer. The order (convolve, pool, normalize, activate) is that of Jordan (2024), "94% on
CIFAR-10 in 3.29 seconds on a single GPU", arXiv:2404.00498: pooling early is what makes it fast.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import nn

from vitreous.blocks.activation import activation
from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.init import he_convolutions
from vitreous.blocks.pool import global_pool
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant


class ConvNet(Network):
    """`stem`, then stages that halve the map: `stage1`, `stage2`, ..., `pool`, `head`.

    stem       channels of the first convolution
    pool_stem  halve the map there already: four times faster, for images that lose little by it
    widths     channels of each stage
    act        a name of the activation table
    pool       "max" or "average" over the last map
    dropout    before the head
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        stem: int = 16,
        pool_stem: bool = False,
        widths: Sequence[int] = (32, 64, 128),
        act: str = "relu",
        pool: str = "max",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels)
        self.stem = (
            ConvPool(in_channels, stem, act)
            if pool_stem
            else ConvNormAct(in_channels, stem, act=act)
        )
        channels = stem
        for number, width in enumerate(widths, 1):
            stage: OrderedDict[str, nn.Module] = OrderedDict(
                conv1=ConvPool(channels, width, act), conv2=ConvNormAct(width, width, act=act)
            )
            self.add_module(f"stage{number}", nn.Sequential(stage))
            channels = width
        self.pool = global_pool(pool)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, num_classes)
        he_convolutions(self)


class ConvPool(nn.Sequential):
    """Children `conv`, `pool`, `norm`, `act`: normalizing after pooling costs a quarter."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        act: str,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__(
            OrderedDict(
                conv=nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
                pool=nn.MaxPool2d(2),
                norm=norm(out_channels),
                act=activation(act),
            )
        )


def _variant(
    name: str, parameters: int, macs: int, stem: int, *widths: int, pool_stem: bool = False
) -> Variant:
    return Variant(
        name=name,
        build=ConvNet,
        year=2024,
        paper='after Jordan, "94% on CIFAR-10 in 3.29 seconds", arXiv:2404.00498',
        parameters=parameters,
        macs=macs,
        num_classes=10,
        sizes=Sizes(default=32, minimum=2 ** (len(widths) + pool_stem)),
        arguments={"stem": stem, "widths": widths, "pool_stem": pool_stem},
    )


VARIANTS = (
    _variant("convnet", 70_618, 3_981_952, 16, 32, 64, pool_stem=True),
    _variant("convnet_medium", 292_954, 21_677_312, 16, 32, 64, 128),
    _variant("convnet_wide", 1_166_506, 85_821_952, 32, 64, 128, 256),
)

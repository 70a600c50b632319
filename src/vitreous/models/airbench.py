"""The network of airbench: three blocks of two convolutions behind a whitening layer.

Made to reach 94 % of CIFAR-10's test images with as little arithmetic as possible. The first
filters of each convolution begin as copies of its input, batch norm shifts and does not scale, and
the logits are small at first. Jordan (2024), "94% on CIFAR-10 in 3.29 seconds on a single GPU",
arXiv:2404.00498.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from vitreous.blocks.activation import activation
from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.pool import global_pool
from vitreous.blocks.whiten import WhiteningConv2d
from vitreous.models.convnet import ConvPool
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant

SCALE = 1 / 9  # of the logits


class AirBench(Network):
    """`stem`, then stages that halve the map: `stage1`, `stage2`, ..., `pool`, `scale`, `head`.

    widths  channels of each stage
    act     a name of the activation table
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        widths: Sequence[int] = (64, 256, 256),
        act: str = "gelu",
    ) -> None:
        super().__init__(in_channels)
        stem = WhiteningConv2d(in_channels)
        self.stem = nn.Sequential(OrderedDict(conv=stem, act=activation(act)))
        channels = stem.out_channels
        for number, width in enumerate(widths, 1):
            stage: OrderedDict[str, nn.Module] = OrderedDict(
                conv1=ConvPool(channels, width, act, shifting),
                conv2=ConvNormAct(width, width, norm=shifting, act=act),
            )
            self.add_module(f"stage{number}", nn.Sequential(stage))
            channels = width
        self.pool = global_pool("max")
        self.scale = Scale(SCALE)
        self.head = nn.Linear(channels, num_classes, bias=False)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and not isinstance(layer, WhiteningConv2d):
                copies = min(layer.in_channels, layer.out_channels)
                nn.init.dirac_(layer.weight.data[:copies])


class Scale(nn.Module):
    """All values times one number, before a head without bias: the same as behind it."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def extra_repr(self) -> str:
        return f"factor={self.factor:.4g}"


def shifting(channels: int) -> nn.BatchNorm2d:
    """A batch norm that learns no scale, and follows the statistics of the last few batches."""
    norm = nn.BatchNorm2d(channels, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm


def _variant(name: str, parameters: int, macs: int, *widths: int) -> Variant:
    return Variant(
        name=name,
        build=AirBench,
        year=2024,
        paper='Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv:2404.00498',
        parameters=parameters,
        macs=macs,
        num_classes=10,
        sizes=Sizes(default=32, minimum=9),
        arguments={"widths": widths},
    )


VARIANTS = (
    _variant("airbench_small", 498_104, 33_066_272, 32, 128, 128),
    _variant("airbench94", 1_972_792, 118_147_360, 64, 256, 256),
)

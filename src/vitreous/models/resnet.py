"""Residual networks: layers learn what to add to their input, and a hundred of them can be trained.

He, Zhang, Ren and Sun (2016), "Deep residual learning", arXiv:1512.03385: table 1 (ImageNet) and
section 4.2 (CIFAR). Without the shortcuts ("plain") a deeper network is worse even on the images
that it was trained on. Children are named as in torchvision, whose published weights load as they
are; like there, the stride of a bottleneck sits in its 3×3 convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.drop import DropPath, drop_rates
from vitreous.blocks.init import he_convolutions
from vitreous.blocks.pool import GlobalAveragePool
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant
from vitreous.shapes import Features

Shortcut = Literal["project", "pad", "none"]


class PadShortcut(nn.Module):
    """Option A of the paper: every second pixel, and zeros for the new channels. No parameters."""

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels = new_channels
        self.stride = stride

    def forward(self, x: Features) -> Features:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels))


class NoShortcut(nn.Module):
    """Adds nothing, which makes a network plain."""

    def forward(self, x: Features) -> float:
        return 0.0


def make_shortcut(kind: Shortcut, channels: int, out: int, stride: int) -> nn.Module | None:
    """What the input passes through; None is the identity, wherever shapes allow it."""
    if kind == "none":
        return NoShortcut()
    if stride == 1 and channels == out:
        return None
    if kind == "pad":
        return PadShortcut(out - channels, stride)
    conv = nn.Conv2d(channels, out, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut (figure 5, left)."""

    expansion: ClassVar = 1

    def __init__(
        self,
        channels: int,
        width: int,
        stride: int,
        *,
        shortcut: Shortcut = "project",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.drop = DropPath(drop_path)
        self.downsample = make_shortcut(shortcut, channels, width, stride)
        self.relu2 = nn.ReLU()

    def forward(self, x: Features) -> Features:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.drop(self.bn2(self.conv2(y)))
        y = y + (x if self.downsample is None else self.downsample(x))
        out: Tensor = self.relu2(y)
        return out


class Bottleneck(nn.Module):
    """1×1 to narrow, 3×3, 1×1 to widen, and a shortcut (figure 5, right).

    groups      the 3×3 convolution as that many parallel paths (ResNeXt)
    base_width  channels a group, for a width of 64
    """

    expansion: ClassVar = 4

    def __init__(
        self,
        channels: int,
        width: int,
        stride: int,
        *,
        groups: int = 1,
        base_width: int = 64,
        shortcut: Shortcut = "project",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        inner, out = width * base_width // 64 * groups, width * self.expansion
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(inner, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.drop = DropPath(drop_path)
        self.downsample = make_shortcut(shortcut, channels, out, stride)
        self.relu3 = nn.ReLU()

    def forward(self, x: Features) -> Features:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.drop(self.bn3(self.conv3(y)))
        y = y + (x if self.downsample is None else self.downsample(x))
        out: Tensor = self.relu3(y)
        return out


class ResNet(Network):
    """A stem, stages `layer1`, `layer2`, ... that halve the map and widen it, average, `fc`.

    block      BasicBlock or Bottleneck
    depths     blocks of each stage
    widths     width of each stage
    stem       "imagenet" is 7×7 with stride 2 and pooling, "cifar" a single 3×3
    shortcut   where shapes change: "project" (option B), "pad" (option A), or "none" anywhere
    drop_path  rate of the last block (stochastic depth); earlier blocks have less
    details    further arguments of the block (`groups`, `base_width`)
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512),
        stem: Literal["imagenet", "cifar"] = "imagenet",
        shortcut: Shortcut = "project",
        drop_path: float = 0.0,
        **details: Any,
    ) -> None:
        super().__init__(in_channels)
        channels = widths[0]
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(in_channels, channels, 7, 2, 3, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        if stem == "imagenet":
            self.maxpool = nn.MaxPool2d(3, 2, 1)
        rates = iter(drop_rates(drop_path, sum(depths)))
        for number, (depth, width) in enumerate(zip(depths, widths, strict=True), 1):
            blocks = []
            for position in range(depth):
                stride = 2 if number > 1 and position == 0 else 1
                rate = next(rates)
                blocks.append(
                    block(channels, width, stride, shortcut=shortcut, drop_path=rate, **details)
                )
                channels = width * block.expansion
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.avgpool = GlobalAveragePool()
        self.fc = nn.Linear(channels, num_classes)
        he_convolutions(self)


_RESNET = 'He et al., "Deep residual learning for image recognition", arXiv:1512.03385'
_WIDE = 'Zagoruyko and Komodakis, "Wide residual networks", arXiv:1605.07146'
_RESNEXT = 'Xie et al., "Aggregated residual transformations", arXiv:1611.05431'
_STOCHASTIC = 'Huang et al., "Deep networks with stochastic depth", arXiv:1603.09382'


def _imagenet(
    name: str,
    parameters: int,
    macs: int,
    block: type[nn.Module],
    depths: tuple[int, ...],
    *,
    year: int = 2015,
    paper: str = _RESNET,
    **more: Any,
) -> Variant:
    return Variant(
        name=name,
        build=ResNet,
        year=year,
        paper=paper,
        parameters=parameters,
        macs=macs,
        arguments={"block": block, "depths": depths, **more},
    )


def _cifar(
    name: str,
    parameters: int,
    macs: int,
    n: int,
    *,
    year: int = 2015,
    paper: str = _RESNET,
    widths: tuple[int, ...] = (16, 32, 64),
    shortcut: Shortcut = "pad",
    **more: Any,
) -> Variant:
    """6n + 2 layers: three stages of n blocks at 32², 16² and 8² pixels (section 4.2)."""
    return Variant(
        name=name,
        build=ResNet,
        year=year,
        paper=paper,
        parameters=parameters,
        macs=macs,
        num_classes=10,
        sizes=Sizes(default=32),
        arguments={
            "block": BasicBlock,
            "depths": (n, n, n),
            "widths": widths,
            "stem": "cifar",
            "shortcut": shortcut,
            **more,
        },
    )


VARIANTS = (
    _imagenet("resnet18", 11_689_512, 1_814_073_344, BasicBlock, (2, 2, 2, 2)),
    _imagenet("resnet34", 21_797_672, 3_663_761_408, BasicBlock, (3, 4, 6, 3)),
    _imagenet("resnet50", 25_557_032, 4_089_184_256, Bottleneck, (3, 4, 6, 3)),
    _imagenet("resnet101", 44_549_160, 7_801_405_440, Bottleneck, (3, 4, 23, 3)),
    _imagenet("resnet152", 60_192_808, 11_513_626_624, Bottleneck, (3, 8, 36, 3)),
    _cifar("resnet20", 269_722, 40_551_040, 3),
    _cifar("resnet32", 464_154, 68_862_592, 5),
    _cifar("resnet44", 658_586, 97_174_144, 7),
    _cifar("resnet56", 853_018, 125_485_696, 9),
    _cifar("resnet110", 1_727_962, 252_887_680, 18),
    _cifar("plain20", 269_722, 40_551_040, 3, shortcut="none"),
    _cifar("plain56", 853_018, 125_485_696, 9, shortcut="none"),
    _cifar(
        "resnet110_stochastic", 1_727_962, 252_887_680, 18, year=2016, paper=_STOCHASTIC,
        drop_path=0.5,
    ),
    _cifar(
        "resnet1202_stochastic", 19_421_274, 2_829_238_912, 200, year=2016, paper=_STOCHASTIC,
        drop_path=0.5,
    ),
    _cifar(
        "wide_resnet20_4", 4_286_026, 643_500_544, 3, year=2016, paper=_WIDE,
        widths=(64, 128, 256),
    ),
    _imagenet(
        "wide_resnet50_2", 68_883_240, 11_398_021_120, Bottleneck, (3, 4, 6, 3), year=2016,
        paper=_WIDE, base_width=128,
    ),
    _imagenet(
        "wide_resnet101_2", 126_886_696, 22_753_050_624, Bottleneck, (3, 4, 23, 3), year=2016,
        paper=_WIDE, base_width=128,
    ),
    _imagenet(
        "resnext50_32x4d", 25_028_904, 4_230_479_872, Bottleneck, (3, 4, 6, 3), year=2016,
        paper=_RESNEXT, groups=32, base_width=4,
    ),
    _imagenet(
        "resnext101_32x8d", 88_791_336, 16_414_015_488, Bottleneck, (3, 4, 23, 3), year=2016,
        paper=_RESNEXT, groups=32, base_width=8,
    ),
    _imagenet(
        "resnext101_64x4d", 83_455_272, 15_460_270_080, Bottleneck, (3, 4, 23, 3), year=2016,
        paper=_RESNEXT, groups=64, base_width=4,
    ),
)  # fmt: skip

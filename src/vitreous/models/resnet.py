"""Residual networks: layers learn what to add to their input, and a hundred of them can be trained.

He, Zhang, Ren and Sun (2016), "Deep residual learning", arXiv:1512.03385: table 1 (ImageNet) and
section 4.2 (CIFAR). Without the shortcuts ("plain") a deeper network is worse even on the images
that it was trained on. Children are named as in torchvision, whose published weights load as they
are; like there, the stride of a bottleneck sits in its 3×3 convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

from torch import nn

from vitreous.blocks.bottleneck import STAY, BasicBlock, Bottleneck, Shortcut, Step
from vitreous.blocks.drop import drop_rates
from vitreous.blocks.init import he_convolutions
from vitreous.blocks.pool import GlobalAveragePool
from vitreous.errors import UsageError
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant


class ResNet(Network):
    """A stem, stages `layer1`, `layer2`, ... that halve the map and widen it, average, `fc`.

    block          BasicBlock or Bottleneck
    depths         blocks of each stage
    widths         width of each stage
    stem           "imagenet" is 7×7 with stride 2 and pooling, "cifar" a single 3×3
    shortcut       where shapes change: "project" (option B), "pad" (option A), or "none" anywhere
    drop_path      rate of the last block (stochastic depth); earlier blocks have less
    output_stride  pixels of the image between neighbors of the last map, such as 8 or 16 where the
                   network has 32: the last strides become dilation, with the same parameters.
                   Chen et al. (2017), "Rethinking atrous convolution", arXiv:1706.05587
    zero_gamma     begin with blocks that add nothing, their last scale being 0. Goyal et al.
                   (2017), "Accurate, large minibatch SGD", arXiv:1706.02677, section 5.1
    details        further arguments of the block (`groups`, `base_width`)

    Raises UsageError for an output stride that the network cannot have.
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
        output_stride: int | None = None,
        zero_gamma: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(in_channels)
        steps = _steps(4 if stem == "imagenet" else 1, len(depths), output_stride)
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
        for number, (depth, width, first) in enumerate(zip(depths, widths, steps, strict=True), 1):
            blocks = []
            for position in range(depth):
                step = first if position == 0 else Step(1, first.after, first.after)
                rate = next(rates)
                blocks.append(
                    block(channels, width, step, shortcut=shortcut, drop_path=rate, **details)
                )
                channels = width * block.expansion
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.avgpool = GlobalAveragePool()
        self.fc = nn.Linear(channels, num_classes)
        he_convolutions(self)
        if zero_gamma:
            if shortcut == "none":
                raise UsageError(
                    "without shortcuts, blocks that begin with nothing stay so",
                    where="zero_gamma",
                    remedy="Leave it out, or choose a residual network.",
                )
            for layer in self.modules():
                if isinstance(layer, (BasicBlock, Bottleneck)):
                    nn.init.zeros_(layer.last_norm.weight)


def _steps(stem: int, stages: int, output_stride: int | None) -> list[Step]:
    """How the first block of each stage moves; `stem` is the stride before them."""
    reachable = [stem * 2**number for number in range(stages)]
    if output_stride is not None and output_stride not in reachable:
        raise UsageError(
            f"{output_stride} is no stride that this network can have",
            where="output_stride",
            remedy=f"Choose one of {', '.join(map(str, reachable))}.",
        )
    limit = output_stride or reachable[-1]
    # A stage at twice the limit keeps its map, and from there on neighbors lie twice as far apart.
    spacing = [max(stride // limit, 1) for stride in reachable]
    moves = zip(reachable[1:], pairwise(spacing), strict=True)
    return [STAY, *(Step(2 if stride <= limit else 1, *pair) for stride, pair in moves)]


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

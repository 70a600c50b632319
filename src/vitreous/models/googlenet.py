"""GoogLeNet: filters of several sizes side by side, and 1×1 convolutions that keep them cheap.

Szegedy et al. (2015), "Going deeper with convolutions", arXiv:1409.4842, table 1: nine inception
modules, 22 layers with weights (27 with pooling), and no hidden dense layer. Two auxiliary heads
bring gradients to the middle of the network in training, and are gone afterwards.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.dense import Dense
from vitreous.blocks.init import he_convolutions
from vitreous.blocks.pool import GlobalAveragePool
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant
from vitreous.shapes import Features, Images, Labels, Logits


class Filters(NamedTuple):
    """One inception row of table 1: filters of 1×1, (1×1 before) 3×3, (1×1 before) 5×5, pooling."""

    one: int
    three_reduce: int
    three: int
    five_reduce: int
    five: int
    pool: int


ROWS: dict[str, Filters | None] = {
    "inception3a": Filters(64, 96, 128, 16, 32, 32),
    "inception3b": Filters(128, 128, 192, 32, 96, 64),
    "pool3": None,
    "inception4a": Filters(192, 96, 208, 16, 48, 64),
    "inception4b": Filters(160, 112, 224, 24, 64, 64),
    "inception4c": Filters(128, 128, 256, 24, 64, 64),
    "inception4d": Filters(112, 144, 288, 32, 64, 64),
    "inception4e": Filters(256, 160, 320, 32, 128, 128),
    "pool4": None,
    "inception5a": Filters(256, 160, 320, 32, 128, 128),
    "inception5b": Filters(384, 192, 384, 48, 128, 128),
}


class Inception(nn.Module):
    """Four branches that see one, three, five pixels and a neighborhood's maximum, concatenated."""

    def __init__(
        self, channels: int, filters: Filters, conv: Callable[..., nn.Module], five: int
    ) -> None:
        super().__init__()
        f = filters
        self.one = conv(channels, f.one, 1)
        self.three = nn.Sequential(
            conv(channels, f.three_reduce, 1), conv(f.three_reduce, f.three, 3)
        )
        self.five = nn.Sequential(
            conv(channels, f.five_reduce, 1), conv(f.five_reduce, f.five, five)
        )
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(channels, f.pool, 1))

    def forward(self, x: Features) -> Features:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


class AuxiliaryHead(nn.Sequential):
    """A small classifier on the maps of a middle layer."""

    def __init__(self, channels: int, num_classes: int, conv: Callable[..., nn.Module]) -> None:
        super().__init__(
            OrderedDict(
                resize=nn.AdaptiveAvgPool2d(4),
                conv=conv(channels, 128, 1),
                flatten=nn.Flatten(),
                fc=Dense(128 * 16, 1024, dropout=0.7),
                head=nn.Linear(1024, num_classes),
            )
        )


class GoogLeNet(Network):
    """`stem`, `inception3a` to `inception5b` with pools between, average, `head`.

    batch_norm  torchvision's form, in which the "5×5" branch is 3×3 too
    auxiliary   build the two auxiliary heads (see `with_auxiliary`)
    """

    auxiliary: ClassVar = ("aux1", "aux2")

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        batch_norm: bool = False,
        auxiliary: bool = False,
        dropout: float = 0.4,
    ) -> None:
        super().__init__(in_channels)
        norm = partial(nn.BatchNorm2d, eps=1e-3) if batch_norm else None
        conv = partial(ConvNormAct, norm=norm)
        pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
        response = nn.Identity if batch_norm else partial(nn.LocalResponseNorm, 5)
        self.stem = nn.Sequential(
            OrderedDict(
                conv1=conv(in_channels, 64, 7, stride=2),
                pool1=pool(),
                norm1=response(),
                conv2=conv(64, 64, 1),
                conv3=conv(64, 192, 3),
                norm2=response(),
                pool2=pool(),
            )
        )
        channels, middle = 192, {}
        for name, filters in ROWS.items():
            if filters is None:
                # torchvision pools 2×2 here.
                last = batch_norm and name == "pool4"
                self.add_module(name, nn.MaxPool2d(2, ceil_mode=True) if last else pool())
                continue
            five = 3 if batch_norm else 5
            self.add_module(name, Inception(channels, filters, conv, five))
            channels = filters.one + filters.three + filters.five + filters.pool
            middle[name] = channels
        if auxiliary:
            self.aux1 = AuxiliaryHead(middle["inception4a"], num_classes, conv)
            self.aux2 = AuxiliaryHead(middle["inception4d"], num_classes, conv)
        self.avgpool = GlobalAveragePool()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, num_classes)
        he_convolutions(self, keep="signals")

    def with_auxiliary(self, images: Images) -> tuple[Logits, Logits, Logits]:
        """(logits, auxiliary logits after 4a, after 4d), for training."""
        maps = self.features(images)
        return (
            self.head(maps["dropout"]),
            self.aux1(maps["inception4a"]),
            self.aux2(maps["inception4d"]),
        )


def auxiliary_loss(
    model: GoogLeNet,
    loss: Callable[[Logits, Labels], Tensor],
    images: Images,
    targets: Labels,
    weight: float = 0.3,
) -> Tensor:
    """loss(head) + weight · (loss(aux1) + loss(aux2)): section 5 of the paper."""
    logits, first, second = model.with_auxiliary(images)
    return loss(logits, targets) + weight * (loss(first, targets) + loss(second, targets))


VARIANTS = (
    Variant(
        name="googlenet",
        build=GoogLeNet,
        year=2014,
        paper='Szegedy et al., "Going deeper with convolutions", arXiv:1409.4842',
        parameters=6_998_552,
        macs=1_582_671_872,
        sizes=Sizes(default=224, minimum=31),
    ),
    Variant(
        name="googlenet_bn",
        build=GoogLeNet,
        arguments={"batch_norm": True, "dropout": 0.2},
        year=2015,
        paper='Ioffe and Szegedy, "Batch normalization", arXiv:1502.03167; torchvision\'s form',
        parameters=6_624_904,
        macs=1_498_376_192,
        sizes=Sizes(default=224, minimum=15),
    ),
)

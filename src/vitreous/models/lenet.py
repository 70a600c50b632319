"""LeNet-5, the network that read checks: convolution, subsampling, convolution, subsampling, dense.

LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document
recognition", Proc. IEEE 86. `LeNet5` is the form in which it is coded today (rectifiers, maximum
pooling, softmax). `LeNet5of1998` is the published one: subsampling is trained, most maps of C3
see only some maps of S2, and the outputs are distances to drawings of the digits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.activation import activation
from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.dense import Dense
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant
from vitreous.shapes import Features

# Both 5×5 convolutions take 4 pixels off a side. Images of at most 28 pixels are framed by 2, so
# that 28² (MNIST as distributed) and 32² (MNIST as LeCun framed it) give the same maps.
_SIZES = Sizes(default=32, minimum=12)


def _padding(size: tuple[int, int]) -> int:
    return 2 if min(size) <= 28 else 0


def _last_map(size: tuple[int, int]) -> tuple[int, int]:
    """The map after conv, pool, conv, pool: 5×5 for images of 32×32, and of 28×28."""
    height, width = (((side + 2 * _padding(size) - 4) // 2 - 4) // 2 for side in size)
    return height, width


class LeNet5(Network):
    """LeNet-5 as coded today: 61,706 parameters for gray images and ten classes."""

    def __init__(self, *, num_classes: int, in_channels: int, size: tuple[int, int]) -> None:
        super().__init__(in_channels)
        self.conv1 = ConvNormAct(in_channels, 6, 5, padding=_padding(size), norm=None)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = ConvNormAct(6, 16, 5, padding=0, norm=None)
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc1 = Dense(16 * math.prod(_last_map(size)), 120)
        self.fc2 = Dense(120, 84)
        self.head = nn.Linear(84, num_classes)
        self.sizes = Sizes(default=size[0], minimum=_SIZES.minimum, fixed=size)


# Which six maps of S2 each of the sixteen maps of C3 sees (table I of the paper).
C3_TABLE: tuple[tuple[int, ...], ...] = (
    *[tuple((first + i) % 6 for i in range(3)) for first in range(6)],
    *[tuple((first + i) % 6 for i in range(4)) for first in range(6)],
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)


class PartialConv2d(nn.Module):
    """A convolution in which output map m sees the input maps table[m] only.

    Different maps must then find different features; and 60 kernels are fewer than 96.
    """

    kernels: Tensor
    index: Tensor

    def __init__(self, in_channels: int, table: tuple[tuple[int, ...], ...], kernel: int) -> None:
        super().__init__()
        pairs = [(out, into) for out, row in enumerate(table) for into in row]
        self.in_channels = in_channels
        self.out_channels = len(table)
        self.register_buffer("index", torch.tensor(pairs).T.contiguous(), persistent=False)
        self.kernels = nn.Parameter(torch.empty(len(pairs), kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(len(table)))

    def forward(self, x: Features) -> Features:
        side = self.kernels.shape[-1]
        weight = self.kernels.new_zeros(self.out_channels, self.in_channels, side, side)
        weight = weight.index_put((self.index[0], self.index[1]), self.kernels)
        return F.conv2d(x, weight, self.bias)


class Subsample(nn.Module):
    """act(coefficient · mean of 2×2 + bias), with one coefficient and one bias a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))
        self.act = activation("scaled_tanh")

    def forward(self, x: Features) -> Features:
        y: Tensor = self.act(self.coefficient * F.avg_pool2d(x, 2) + self.bias)
        return y


class DistanceToDrawings(nn.Module):
    """-|x - d|² / 2 for each class's drawing d, a ±1 image of 12×7: a Gaussian's log-density.

    The drawings are fixed, not learned. Digits that look alike get outputs that are close.
    """

    drawings: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("drawings", drawings(num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return -(x[:, None, :] - self.drawings).square().sum(2) / 2


class LeNet5of1998(Network):
    """LeNet-5 as published: 60,000 trained parameters."""

    def __init__(self, *, num_classes: int, in_channels: int, size: tuple[int, int]) -> None:
        super().__init__(in_channels)
        self.c1 = ConvNormAct(
            in_channels, 6, 5, padding=_padding(size), norm=None, act="scaled_tanh"
        )
        self.s2 = Subsample(6)
        self.c3 = nn.Sequential(PartialConv2d(6, C3_TABLE, 5), activation("scaled_tanh"))
        self.s4 = Subsample(16)
        self.c5 = nn.Sequential(
            nn.Conv2d(16, 120, _last_map(size)), activation("scaled_tanh"), nn.Flatten()
        )
        self.f6 = Dense(120, 84, "scaled_tanh")
        self.output = DistanceToDrawings(num_classes)
        self.sizes = Sizes(default=size[0], minimum=_SIZES.minimum, fixed=size)
        for name, weight in self.named_parameters():  # uniform in ±2.4 / n_in (appendix A)
            if weight.dim() > 1 and not name.startswith("s"):
                n_in = weight[0].numel() * (3.75 if "kernels" in name else 1)  # 60 kernels, 16 maps
                nn.init.uniform_(weight, -2.4 / n_in, 2.4 / n_in)


DIGITS = """
.#####. ...#... .#####. .#####. #...... ####### .#####. ####### .#####. .#####.
##...## ..##... ##...## ##...## #...... #...... ##...## ......# ##...## ##...##
#.....# .###... #.....# ......# #...... #...... #...... .....## #.....# #.....#
#.....# ...#... ......# ......# #...#.. #...... #...... .....#. #.....# #.....#
#.....# ...#... .....## .....## #...#.. #####.. #...... ....##. ##...## ##...##
#.....# ...#... ....##. ..####. #...#.. ....##. #.####. ....#.. .#####. .######
#.....# ...#... ...##.. .....## ####### .....## ##...## ...##.. ##...## ......#
#.....# ...#... ..##... ......# ....#.. ......# #.....# ...#... #.....# ......#
#.....# ...#... .##.... ......# ....#.. ......# #.....# ..##... #.....# ......#
#.....# ...#... ##..... ......# ....#.. #.....# #.....# ..#.... #.....# .....##
##...## ...#... #...... ##...## ....#.. ##...## ##...## ..#.... ##...## ##..##.
.#####. .#####. ####### .#####. ....#.. .#####. .#####. ..#.... .#####. .####..
"""


def drawings(num_classes: int) -> Tensor:
    """(L, 84) of ±1: our own drawings of the ten digits; after them, fixed random codes."""
    rows = [line.split() for line in DIGITS.split("\n") if line]
    digits = ["".join(row[digit] for row in rows) for digit in range(10)]
    codes = torch.tensor([[1.0 if dot == "#" else -1.0 for dot in digit] for digit in digits])
    generator = torch.Generator().manual_seed(1998)
    more = torch.randint(0, 2, (max(0, num_classes - 10), 84), generator=generator) * 2.0 - 1
    return torch.cat([codes, more])[:num_classes]


_PAPER = 'LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86'

VARIANTS = (
    Variant(
        name="lenet5_1998",
        build=LeNet5of1998,
        sized=True,
        year=1998,
        paper=_PAPER,
        parameters=60_000,
        macs=415_680,
        num_classes=10,
        in_channels=1,
        sizes=_SIZES,
    ),
    Variant(
        name="lenet5",
        build=LeNet5,
        sized=True,
        year=1998,
        paper=_PAPER,
        parameters=61_706,
        macs=416_520,
        num_classes=10,
        in_channels=1,
        sizes=_SIZES,
    ),
)

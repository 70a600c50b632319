"""AlexNet: the network that won ImageNet 2012 by a margin that ended the debate.

Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural
networks", NeurIPS. Three forms are in use. The published one ran on two GPUs, whose towers meet in
the third convolution only (grouped convolutions); textbooks count it without that split; and
torchvision's is the one-tower network of Krizhevsky (2014), arXiv:1404.5997, with fewer filters.

Its top-5 error is quoted in several ways (section 6): 18.2 % for one network, 16.4 % for five that
are averaged, 15.3 % for seven, two of which learned from more images first. The 15.3 % won by more
than 10.8 points: the next entry had 26.2 %. A person erred on 5.1 % (Russakovsky et al. 2015,
arXiv:1409.0575). Training took five to six days on two GPUs (section 1), which is told as one week
and as two.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import nn

from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.dense import Dense
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant


class AlexNet(Network):
    """Five convolutions, three dense layers; 94 % of the parameters are in the dense ones.

    widths    filters of the five convolutions
    towers    2 for the split over two GPUs, 1 without it
    response  local response normalization after the first two convolutions
    hidden    units of each of the two dense layers before the last
    dropout   of these two

    The paper's images of 224 pixels give its maps of 55 only with a frame of 2, which is used here.
    Images of other sizes are averaged to the 6×6 maps that the dense layers expect.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        widths: Sequence[int] = (96, 256, 384, 384, 256),
        towers: int = 1,
        response: bool = True,
        hidden: int = 4096,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(in_channels)
        self.towers = towers
        w1, w2, w3, w4, w5 = widths
        conv = partial(ConvNormAct, norm=None)
        self.conv1 = conv(in_channels, w1, 11, stride=4, padding=2)
        if response:
            self.norm1 = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
        self.pool1 = nn.MaxPool2d(3, 2)
        self.conv2 = conv(w1, w2, 5, groups=towers)
        if response:
            self.norm2 = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
        self.pool2 = nn.MaxPool2d(3, 2)
        self.conv3 = conv(w2, w3, 3)
        self.conv4 = conv(w3, w4, 3, groups=towers)
        self.conv5 = conv(w4, w5, 3, groups=towers)
        self.pool5 = nn.MaxPool2d(3, 2)
        self.resize = nn.AdaptiveAvgPool2d(6)
        self.flatten = nn.Flatten()
        self.fc6 = Dense(w5 * 36, hidden, dropout=dropout)
        self.fc7 = Dense(hidden, hidden, dropout=dropout)
        self.head = nn.Linear(hidden, num_classes)


_PAPER = 'Krizhevsky et al., "ImageNet classification with deep convolutional neural networks"'
_SIZES = Sizes(default=224, minimum=63)

VARIANTS = (
    Variant(
        name="alexnet_two_towers",
        build=AlexNet,
        arguments={"towers": 2},
        year=2012,
        paper=_PAPER,
        parameters=60_965_224,
        macs=724_406_816,
        sizes=_SIZES,
    ),
    Variant(
        name="alexnet",
        build=AlexNet,
        year=2012,
        paper=_PAPER,
        parameters=62_378_344,
        macs=1_135_256_096,
        sizes=_SIZES,
    ),
    Variant(
        name="alexnet_2014",
        build=AlexNet,
        arguments={"widths": (64, 192, 384, 256, 256), "response": False},
        year=2014,
        paper='Krizhevsky, "One weird trick for parallelizing networks", arXiv:1404.5997',
        parameters=61_100_840,
        macs=714_188_480,
        sizes=_SIZES,
    ),
)

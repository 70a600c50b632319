"""Detector: anchor-free object detection in a single stage, on a feature pyramid over any encoder.

What the encoder sees coarsely is brought back, step by step, to a grid of places 4 pixels apart,
and meets there what it saw finely: one map knows large things and small ones. At each place a 1×1
convolution tells how likely each class has the middle of a thing there, and how far the edges of
its box are. Lin et al. (2017), "Feature pyramid networks", arXiv:1612.03144; Zhou, Wang and
Krähenbühl (2019), "Objects as points", arXiv:1904.07850.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from vitreous.models import efficientnet
from vitreous.models.encoder_unet import EncoderUNet
from vitreous.models.network import CELL, Sizes
from vitreous.models.rows import Variant
from vitreous.shapes import Images

EDGES = 4  # outputs of a place that tell of its box, behind those of the classes
PRIOR = 0.1  # how likely a place is the middle of a thing, before anything was learned
WIDTHS = (128, 96, 64)  # channels of the way up, from the smallest map


class Detector(EncoderUNet):
    """The stages of the encoder by their names, `decoder16`, ... to `decoder4`, and a 1×1 `head`.

    Images of any size give a grid of ⌈H/4⌉ × ⌈W/4⌉ places: they are padded inside, at the right
    and the bottom, so that a place lies where its pixels do.

    num_classes  outputs of a place: a logit for each class, and 4 for the edges of its box

    The other arguments and errors are those of `EncoderUNet`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        encoder: str = "efficientnet_lite0",
        last: str | None = None,
        widths: tuple[int, ...] = WIDTHS,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            in_channels=in_channels,
            encoder=encoder,
            last=last,
            widths=widths,
            spacing=CELL,
        )
        assert self.head.bias is not None
        # Nearly all places are no middle: without this, the first steps learn nothing else.
        nn.init.normal_(self.head.weight, 0, 0.01)
        nn.init.constant_(self.head.bias[:-EDGES], math.log(PRIOR / (1 - PRIOR)))

    def padding(self, images: Images) -> tuple[int, int, int, int]:
        height, width = images.shape[2:]
        return 0, -width % self.smallest, 0, -height % self.smallest

    def cut(self, x: Tensor, images: Images) -> Tensor:
        height, width = images.shape[2:]
        return x[:, :, : -(-height // CELL), : -(-width // CELL)]


_PAPER = 'Zhou et al., "Objects as points", arXiv:1904.07850; on a feature pyramid'

VARIANTS = (
    Variant(
        name="detector_lite0",
        build=Detector,
        arguments={"encoder": "efficientnet_lite0", "last": "stage7"},
        year=2019,
        paper=_PAPER,
        parameters=3_911_352,
        macs=4_808_564_736,
        num_classes=24,
        sizes=Sizes(default=512),
        output="grid",
        weights=efficientnet.LITE0,
    ),
    Variant(
        name="detector_small",
        build=Detector,
        arguments={"encoder": "resnet20", "widths": (64,)},
        year=2019,
        paper=_PAPER,
        parameters=270_632,
        macs=162_594_816,
        num_classes=24,
        sizes=Sizes(default=64),
        output="grid",
    ),
)

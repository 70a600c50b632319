"""The vision transformer with an answer for each pixel: each token tells the pixels of its patch.

What a masked image is rebuilt with (Xie et al. 2022, "SimMIM: a simple framework for masked image
modeling", arXiv:2111.09886, whose head is linear, too). All stages before `pixels` are those of
`vit`, under the same names, so that the one takes the other's weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor, nn

from vitreous.models.network import Sizes
from vitreous.models.rows import Variant
from vitreous.models.vit import ViT
from vitreous.shapes import Images

CHANNELS = 16  # of a pixel, before the head


class ViTMap(ViT):
    """`patch_embed`, `blocks.0`, ..., `norm`, `pixels`, `head`; with the arguments of `ViT`."""

    auxiliary: ClassVar[tuple[str, ...]] = ()

    def add_head(self, width: int, patch: int, num_classes: int) -> None:
        self.patch = patch
        self.pixels = nn.Sequential(
            nn.Conv2d(width, CHANNELS * patch * patch, 1), nn.PixelShuffle(patch)
        )
        self.add_module("head", nn.Conv2d(CHANNELS, num_classes, 1))

    def run_stages(self, images: Images) -> Iterator[tuple[str, Tensor]]:
        self.check(images)
        x: Tensor = self.normalize(images)
        grid = images.shape[2] // self.patch, images.shape[3] // self.patch
        for name, stage in self.stages():
            if name == "pixels":
                x = x[:, 1:].transpose(1, 2).reshape(len(x), -1, *grid)  # (B, D, h, w)
            x = stage(x)
            yield name, x


VARIANTS = (
    Variant(
        name="vit_nano4_map",
        build=ViTMap,
        sized=True,
        year=2021,
        paper='Xie et al., "SimMIM", arXiv:2111.09886; here as narrow as vit_nano4',
        parameters=707_155,
        macs=49_915_008,
        num_classes=3,
        sizes=Sizes(default=32, minimum=4, multiple=4),
        arguments={"patch": 4, "width": 96, "depth": 6, "heads": 3},
        output="map",
    ),
)

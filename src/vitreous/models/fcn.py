"""FCN: a classifier that slides gives a coarse map of classes, which is enlarged to the image.

The dense layers of a classifier are read as convolutions; its coarse map says what there is, and
finer maps from the way down, added step by step, say where. Padded convolutions take the place of
the published 100 pixels around the image, so that each map covers the image as it is.
Long, Shelhamer and Darrell (2015), "Fully convolutional networks for semantic segmentation",
arXiv:1411.4038, section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.bilinear import BilinearUp
from vitreous.errors import UsageError, unknown
from vitreous.models.convolutionalize import convolutionalize
from vitreous.models.encoder_unet import ENCODERS, built, maps_of
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant
from vitreous.models.unet import cut, missing, start_head
from vitreous.shapes import Features, Images


class Finer(nn.Module):
    """`up` doubles a map of scores, and the `score` of a finer map is added, which begins as 0.

    channels  of the finer map
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.up = BilinearUp(num_classes, 2)
        self.score = nn.Conv2d(channels, num_classes, 1)
        nn.init.zeros_(self.score.weight)
        assert self.score.bias is not None
        nn.init.zeros_(self.score.bias)

    def forward(self, scores: Features, finer: Features) -> Tensor:
        """scores (B, L, h, w) and finer (B, K, 2h, 2w) to (B, L, 2h, 2w)."""
        added: Tensor = self.up(scores) + self.score(finer)
        return added


class FCN(Network):
    """The stages of the classifier but its last, `score32`, then `add16` and `add8` for finer maps,
    and `head`, which enlarges the sum to the image.

    backbone  a name of `ENCODERS`
    finest    pixels of the image between neighbors of the finest map that is added: 32, 16 or 8

    Scores of finer maps begin as zero: at first all are those of the coarse map. Raises UsageError
    for another number, and for a network without such maps.
    """

    def __init__(
        self, *, num_classes: int, in_channels: int, backbone: str = "vgg16", finest: int = 8
    ) -> None:
        super().__init__(in_channels)
        if backbone not in ENCODERS:
            raise unknown("backbone", backbone, ENCODERS)
        row = ENCODERS[backbone]
        maps = {
            spacing: (name, width) for name, (spacing, width) in maps_of(row, in_channels).items()
        }
        spacings = [32, 16, 8][: {32: 1, 16: 2, 8: 3}.get(finest, 0)]
        if not spacings or not maps.keys() >= {*spacings}:
            raise UsageError(
                f"{backbone} has no maps at 1/{finest} of the image to be added up from 1/32",
                where="finest",
                remedy="Give 32, 16 or 8, and a network whose maps halve step by step.",
            )
        self.taps = {maps[spacing][0]: spacing for spacing in spacings[1:]}
        self.grid = spacings[0]
        whole = built(row, in_channels)
        own = dict(whole.stages())
        sliding = convolutionalize(whole, row.sizes.default)
        channels = maps[self.grid][1]
        for name, stage in [*sliding.stages()][:-1]:
            if stage is not own[name]:
                channels = _centered(stage, channels)
            if not isinstance(stage, nn.Identity):
                self.add_module(name, stage)
        self.backbone = tuple(dict(super().stages()))
        self.score32 = nn.Conv2d(channels, num_classes, 1)
        start_head(self.score32)
        for spacing in spacings[1:]:
            self.add_module(f"add{spacing}", Finer(maps[spacing][1], num_classes))
        self.head = BilinearUp(num_classes, finest)

    def run_stages(self, images: Images) -> Iterator[tuple[str, Tensor]]:
        self.check(images)
        around = missing(images, self.grid)
        x: Tensor = self.normalize(images)
        if any(around):
            x = F.pad(x, around)
        stages, skips = dict(self.stages()), dict[int, Tensor]()
        for name in self.backbone:
            x = stages[name](x)
            yield name, x
            if name in self.taps:
                skips[self.taps[name]] = x
        x = self.score32(x)
        yield "score32", x
        for spacing, skip in sorted(skips.items(), reverse=True):
            x = stages[f"add{spacing}"](x, skip)
            yield f"add{spacing}", x
        yield "head", cut(self.head(x), around, 1)


@torch.no_grad()
def _centered(stage: nn.Module, channels: int) -> int:
    """Pad the window of a stage, in place, so that its map stays as large; returns its channels."""
    for layer in stage.modules():
        if isinstance(layer, nn.Conv2d):
            layer.padding = layer.kernel_size[0] // 2, layer.kernel_size[1] // 2
            channels = layer.out_channels
        elif isinstance(layer, nn.AvgPool2d):
            assert isinstance(layer.kernel_size, tuple)
            layer.padding = layer.kernel_size[0] // 2, layer.kernel_size[1] // 2
            layer.count_include_pad = False
    return channels


def _variant(finest: int, parameters: int, macs: int) -> Variant:
    return Variant(
        name=f"fcn{finest}",
        build=FCN,
        arguments={"finest": finest},
        year=2015,
        paper='Long et al., "Fully convolutional networks", arXiv:1411.4038',
        parameters=parameters,
        macs=macs,
        num_classes=21,
        sizes=Sizes(default=224),
        output="map",
    )


VARIANTS = (
    _variant(32, 134_432_597, 21_215_158_272),
    _variant(16, 134_379_194, 21_215_830_608),
    _variant(8, 134_368_799, 21_219_464_784),
)

"""U-Net with an encoder: a network that was made for classes looks, and learned weights come along.

What the encoder sees at 1/2, 1/4, ... of the size is what a U-Net's way down would see; the way up
is narrow, because it has less to learn. Any network of the convolutional kind will do whose maps
halve step by step.
Ronneberger et al. (2015), arXiv:1505.04597; with pretrained encoders: Iglovikov and Shvets (2018),
"TernausNet", arXiv:1801.05746.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.init import he_convolutions, without_weights
from vitreous.errors import UsageError, unknown
from vitreous.models import densenet, efficientnet, mobilenet, resnet, vgg
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant
from vitreous.models.unet import Decoder, cut, missing, start_head, ways_up
from vitreous.shapes import Images

ENCODERS: dict[str, Variant] = {
    row.name: row
    for row in chain(
        vgg.VARIANTS, resnet.VARIANTS, densenet.VARIANTS, mobilenet.VARIANTS, efficientnet.VARIANTS
    )
}
DEEPEST = 32  # pixels of the image between neighbors of the smallest map that is used
WIDTHS = (96, 64, 48, 32, 16)  # channels of the way up, from the smallest map
PROBE = 256  # pixels a side of the image, with which the sizes of an encoder's maps are found out


class EncoderUNet(Network):
    """The stages of the encoder by their names, `decoder16`, `decoder8`, ... to `decoder1`, and a
    1×1 `head`; the number is that of the image's pixels between neighbors of the map.

    Images of any size give a map of that size: they are padded inside, and cut back.

    encoder  a name of `ENCODERS`
    last     its last stage that is used; None is the last one with a map
    widths   channels of the way up, from the smallest map; at least as many as there are steps
    stride   pixels of the image between neighbors of the answer, where the way up ends: a power of
             two. With more than one, the padding is on the right and below alone

    Raises UsageError for a network that does not halve its maps one after the other.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        encoder: str = "efficientnet_lite0",
        last: str | None = None,
        widths: tuple[int, ...] = WIDTHS,
        stride: int = 1,
    ) -> None:
        super().__init__(in_channels)
        if encoder not in ENCODERS:
            raise unknown("encoder", encoder, ENCODERS)
        self.row = ENCODERS[encoder]
        maps = maps_of(self.row, in_channels, last)
        self.taps = {spacing: name for name, (spacing, _) in maps.items()}
        self.grid = max(self.taps, default=1)  # pixels between neighbors of the smallest map
        steps = [2**k for k in range(1, max(self.taps, default=1).bit_length())]
        if not steps or not self.taps.keys() <= {1, *steps}:
            shares = ", ".join(f"1/{spacing}" for spacing in sorted(self.taps))
            raise UsageError(
                f"the maps of {encoder} are {shares or 'none'} of the image: they are not halved "
                "step by step",
                where="encoder",
                remedy="Choose a network such as efficientnet_lite0, resnet18 or vgg11_bn.",
            )
        self.stride = stride
        steps = steps[ways_up(stride, steps) :]
        if len(widths) < len(steps) or min(widths) < 1:
            raise UsageError(
                f"{widths} are the channels of {len(steps)} steps up",
                where="widths",
                remedy=f"Give {len(steps)} positive numbers.",
            )
        whole = built(self.row, in_channels)
        for name in maps:
            self.add_module(name, whole.get_submodule(name))
        channels = {spacing: maps[name][1] for spacing, name in self.taps.items()}
        ups: dict[str, Decoder] = {}
        below = channels[steps[-1]]
        for step, width in zip(reversed(steps), widths, strict=False):
            ups[f"decoder{step // 2}"] = Decoder(
                below, channels.get(step // 2, 0), width, nn.BatchNorm2d
            )
            below = width
        for name, up in ups.items():
            for layer in (up.conv1, up.conv2):
                he_convolutions(layer)
            self.add_module(name, up)
        self.unpublished = tuple(ups)
        self.head = nn.Conv2d(below, num_classes, 1)
        start_head(self.head)

    def published(self) -> Network:
        """The whole encoder, with what a U-Net does not use of it; its stages are those in here."""
        whole = built(self.row, self.in_channels)
        for name, stage in self.stages():
            if name != "head" and name not in self.unpublished:
                whole.set_submodule(name, stage)
        return whole

    def run_stages(self, images: Images) -> Iterator[tuple[str, Tensor]]:
        self.check(images)
        around = missing(images, self.grid, self.stride)
        x: Tensor = self.normalize(images)
        if any(around):
            x = F.pad(x, around)
        spacings = {name: spacing for spacing, name in self.taps.items()}
        skips: dict[int, Tensor] = {}
        for name, stage in self.stages():
            if name == "head":
                break
            if name in self.unpublished:
                x = stage(x, skips.pop(int(name.removeprefix("decoder")), None))
            else:
                x = stage(x)
                if name in spacings:
                    skips[spacings[name]] = x
            yield name, x
        yield "head", self.head(cut(x, around, self.stride))

    def extra_repr(self) -> str:
        ways = (f"{name} → decoder{s}" for s, name in sorted(self.taps.items()))
        met = [way for way in ways if way.split(" → ")[1] in self.unpublished]
        return f"{super().extra_repr()}\n{'; '.join(met)}"


def built(row: Variant, in_channels: int) -> Network:
    """The whole network of a row, with the outputs that it was published with."""
    size = {"size": (PROBE, PROBE)} if row.sized else {}
    return row.build(num_classes=row.num_classes, in_channels=in_channels, **row.arguments, **size)


def maps_of(row: Variant, in_channels: int, last: str | None = None) -> dict[str, tuple[int, int]]:
    """The stages that are used, in order, with the spacing and the channels of their maps."""
    with without_weights():
        probe = built(row, in_channels).eval()
        seen = probe.features(torch.zeros(1, in_channels, PROBE, PROBE))
    if last is not None and last not in seen:
        raise unknown(f"stage of {row.name}", last, seen, where="last")
    maps: dict[str, tuple[int, int]] = {}
    for name, x in seen.items():
        # Where nothing but one pixel is left, the image as a whole has been summed up.
        if x.dim() != 4 or min(x.shape[2:]) == 1 or DEEPEST * x.shape[2] < PROBE:
            break
        maps[name] = PROBE // x.shape[2], x.shape[1]
        if name == last:
            break
    return maps


_PAPER = 'Iglovikov and Shvets, "TernausNet: U-Net with VGG11 encoder", arXiv:1801.05746'

VARIANTS = (
    Variant(
        name="unet_efficientnet_lite0",
        build=EncoderUNet,
        arguments={"encoder": "efficientnet_lite0", "last": "stage7"},
        year=2018,
        paper=_PAPER,
        parameters=3_567_010,
        macs=1_620_916_224,
        num_classes=2,
        sizes=Sizes(default=256),
        output="map",
        weights=efficientnet.LITE0,
    ),
    Variant(
        name="unet_resnet18",
        build=EncoderUNet,
        arguments={"encoder": "resnet18"},
        year=2018,
        paper=_PAPER,
        parameters=12_064_610,
        macs=3_900_178_432,
        num_classes=2,
        sizes=Sizes(default=256),
        output="map",
    ),
)

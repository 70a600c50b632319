"""U-Net: segmentation by a network that looks coarsely, and then remembers where it was.

On the way down, maps are halved until each unit sees enough to know *what* there is; on the way up
they are doubled, and what the way down saw at the same size says *where*. Ronneberger, Fischer and
Brox (2015), "U-Net: convolutional networks for biomedical image segmentation", arXiv:1505.04597.
There, convolutions lose their borders (572 pixels become 388); here they are padded, so that there
is an answer for every pixel. The parameters are the same.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.init import he_convolutions
from vitreous.errors import UsageError
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant
from vitreous.shapes import Features, Images

Norm = Callable[[int], nn.Module] | None


class Encoder(nn.Sequential):
    """Two 3×3 convolutions, `conv1` and `conv2`, on a map that `pool` has halved before."""

    def __init__(self, channels: int, width: int, norm: Norm, *, halve: bool = True) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if halve:
            layers["pool"] = nn.MaxPool2d(2)
        layers["conv1"] = ConvNormAct(channels, width, norm=norm)
        layers["conv2"] = ConvNormAct(width, width, norm=norm)
        super().__init__(layers)


class Decoder(nn.Module):
    """`up` doubles the map, the map from the way down joins it, and two 3×3 convolutions, `conv1`
    and `conv2`, follow.

    channels, skip, width  of the small map, of the one from the way down (0: there is none), and of
                           the result
    """

    def __init__(self, channels: int, skip: int, width: int, norm: Norm) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, width, 2, 2)
        self.conv1 = ConvNormAct(skip + width, width, norm=norm)
        self.conv2 = ConvNormAct(width, width, norm=norm)
        # No rectifier follows the first; and each pixel of a doubled map is made from one.
        nn.init.normal_(self.up.weight, 0, math.sqrt(1 / channels))
        assert self.up.bias is not None
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Features, skip: Features | None = None) -> Features:
        """x (B, C, h, w) and skip (B, S, 2h, 2w) to (B, K, 2h, 2w)."""
        doubled: Tensor = self.up(x)
        joined = doubled if skip is None else torch.cat([skip, doubled], 1)
        out: Tensor = self.conv2(self.conv1(joined))
        return out


class UNet(Network):
    """`encoder1`, `encoder2`, ..., `bottleneck`, then back to `decoder1`, and a 1×1 `head`.

    Images of any size give a map of that size: they are padded inside to a multiple of 2^depth with
    the mean color, and what was added is cut off before the head.

    width       channels of the first encoder; each halving of the map doubles them
    depth       how often the map is halved, at least once
    batch_norm  after each 3×3 convolution, of which the original knows nothing yet
    stride      pixels of the image between neighbors of the answer, where the way up ends: a power
                of two. With more than one, the padding is on the right and below alone
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        width: int = 64,
        depth: int = 4,
        batch_norm: bool = False,
        stride: int = 1,
    ) -> None:
        super().__init__(in_channels)
        if depth < 1:
            raise UsageError(f"{depth} halvings", where="depth", remedy="Give at least 1.")
        self.depth, self.stride, self.grid = depth, stride, 2**depth
        self.top = ways_up(stride, [2**level for level in range(1, depth + 1)])
        norm = nn.BatchNorm2d if batch_norm else None
        widths = [width * 2**level for level in range(depth + 1)]
        self.encoder1 = Encoder(in_channels, width, norm, halve=False)
        for level in range(2, depth + 1):
            self.add_module(f"encoder{level}", Encoder(widths[level - 2], widths[level - 1], norm))
        self.bottleneck = Encoder(widths[-2], widths[-1], norm)
        for level in range(depth, self.top, -1):
            wide, narrow = widths[level], widths[level - 1]
            self.add_module(f"decoder{level}", Decoder(wide, narrow, narrow, norm))
        self.head = nn.Conv2d(widths[self.top], num_classes, 1)
        he_convolutions(self, keep="signals")
        start_head(self.head)

    def run_stages(self, images: Images) -> Iterator[tuple[str, Tensor]]:
        self.check(images)
        around = missing(images, self.grid, self.stride)
        x: Tensor = self.normalize(images)
        if any(around):
            x = F.pad(x, around)
        stages = dict(self.stages())
        skips: list[Tensor] = []
        for level in range(1, self.depth + 1):
            x = stages[f"encoder{level}"](x)
            skips.append(x)
            yield f"encoder{level}", x
        x = stages["bottleneck"](x)
        yield "bottleneck", x
        for level in range(self.depth, self.top, -1):
            x = stages[f"decoder{level}"](x, skips.pop())
            yield f"decoder{level}", x
        yield "head", stages["head"](cut(x, around, self.stride))

    def extra_repr(self) -> str:
        levels = range(self.top + 1, self.depth + 1)
        skips = "; ".join(f"encoder{level} → decoder{level}" for level in levels)
        return f"{super().extra_repr()}\n{skips}"


def start_head(head: nn.Conv2d) -> None:
    """Weights for a last layer, behind which no rectifier follows."""
    nn.init.normal_(head.weight, 0, math.sqrt(1 / head.in_channels))
    assert head.bias is not None
    nn.init.zeros_(head.bias)


def ways_up(stride: int, spacings: Sequence[int]) -> int:
    """How many steps up are left out, so that the answer has this stride.

    spacings  of the maps from which there is a step up, in pixels: 2, 4, 8, ...

    Raises UsageError for a stride that no step up leads to.
    """
    found = [spacing // 2 for spacing in spacings]
    if stride not in found:
        raise UsageError(
            f"an answer for each {stride}×{stride} pixels",
            where="stride",
            remedy=f"Give one of {', '.join(map(str, found))}.",
        )
    return found.index(stride)


def missing(images: Images, multiple: int, stride: int = 1) -> tuple[int, int, int, int]:
    """Pixels left, right, above and below the images that make their sides multiples: as many
    before as after, but where an answer is for more than one pixel: there all come after, so that
    its places lie where they are said to.
    """
    height, width = images.shape[2:]
    across, down = -width % multiple, -height % multiple
    return (*_halves(across), *_halves(down)) if stride == 1 else (0, across, 0, down)


def cut(x: Tensor, around: Sequence[int], stride: int) -> Tensor:
    """A map of this stride without what lies in the padding, as `missing` gave it."""
    return F.pad(x, [-(pixels // stride) for pixels in around]) if any(around) else x


def _halves(pixels: int) -> tuple[int, int]:
    """Before and after the image: of an odd number, the larger part comes after."""
    return pixels // 2, pixels - pixels // 2


_PAPER = 'Ronneberger et al., "U-Net", arXiv:1505.04597; with padded convolutions'

VARIANTS = (
    Variant(
        name="unet",
        build=UNet,
        year=2015,
        paper=_PAPER,
        parameters=31_030_658,
        macs=192_384_335_872,
        num_classes=2,
        in_channels=1,
        sizes=Sizes(default=512),
        output="map",
    ),
    Variant(
        name="unet_small",
        build=UNet,
        arguments={"width": 16, "depth": 3, "batch_norm": True},
        year=2015,
        paper=_PAPER,
        parameters=482_754,
        macs=580_124_672,
        num_classes=2,
        sizes=Sizes(default=128),
        output="map",
    ),
)

"""U-Net with a transformer at the bottom: convolutions see what is near, attention what is far.

The smallest map is read as tokens, each of which looks at all others; where a token lies is told by
the convolutions before it, which see the border of the image in their padding (Islam et al. 2020,
arXiv:2001.08248), so that any size of image works. Chen et al. (2021), "TransUNet",
arXiv:2102.04306, put the transformer at the same place.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from vitreous.blocks.transformer import LayerNorm, TransformerLayer
from vitreous.models.network import Sizes
from vitreous.models.rows import Variant
from vitreous.models.unet import UNet
from vitreous.shapes import Features


class MapTransformer(nn.Module):
    """Maps (B, K, h, w) to maps of the same shape, through `layers` over their h·w places, and a
    `norm`.
    """

    def __init__(self, channels: int, layers: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*[TransformerLayer(channels, heads) for _ in range(layers)])
        self.norm = LayerNorm(channels)

    def forward(self, x: Features) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)  # (B, N, K)
        seen: Tensor = self.norm(self.layers(tokens))
        return seen.transpose(1, 2).reshape(x.shape)


class UNetTransformer(UNet):
    """A U-Net whose `bottleneck` is `convolutions` and then a `transformer`.

    layers, heads  of the transformer; its width is that of the smallest map

    The other arguments are those of `UNet`.
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
        layers: int = 4,
        heads: int = 8,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            in_channels=in_channels,
            width=width,
            depth=depth,
            batch_norm=batch_norm,
            stride=stride,
        )
        channels = width * 2**depth
        parts = OrderedDict[str, nn.Module](
            convolutions=self.bottleneck, transformer=MapTransformer(channels, layers, heads)
        )
        self.set_submodule("bottleneck", nn.Sequential(parts))


VARIANTS = (
    Variant(
        name="unet_transformer",
        build=UNetTransformer,
        arguments={"width": 16, "depth": 4, "batch_norm": True},
        year=2021,
        paper='Chen et al., "TransUNet", arXiv:2102.04306; here with the U-Net of 2015',
        parameters=5_102_146,
        macs=968_097_792,
        num_classes=2,
        sizes=Sizes(default=128),
        output="map",
    ),
)

"""The vision transformer: an image as a sentence of patches.

Dosovitskiy et al. (2021), "An image is worth 16x16 words: transformers for image recognition at
scale", arXiv:2010.11929, table 1; the tiny and small widths are those of Touvron et al. (2021),
"Training data-efficient image transformers", arXiv:2012.12877. Tensors are named as in timm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor, nn

from vitreous.blocks.drop import drop_rates
from vitreous.blocks.patch import PatchEmbedding
from vitreous.blocks.transformer import LayerNorm, TransformerLayer
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant


class ClassToken(nn.Module):
    """(B, N, D) to (B, D): what the class token has gathered."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]


class ViT(Network):
    """`patch_embed`, `blocks.0`, `blocks.1`, ..., `norm`, `token`, `head`.

    size      (height, width) for which positions are learned; other sizes interpolate them
    patch     side of a patch, which must divide the size
    pre_norm  False is the order of the first transformers: normalize after each sum
    """

    # Weights of `ViTMap` are taken without what lies before its head.
    auxiliary: ClassVar[tuple[str, ...]] = ("pixels",)
    aliases: ClassVar = {
        "cls_token": "patch_embed.cls_token",
        "pos_embed": "patch_embed.pos_embed",
    }

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        size: tuple[int, int],
        patch: int = 16,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        pre_norm: bool = True,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__(in_channels)
        grid = size[0] // patch, size[1] // patch
        self.patch_embed = PatchEmbedding(in_channels, width, patch, grid)
        self.blocks = nn.Sequential(
            *[
                TransformerLayer(width, heads, pre_norm=pre_norm, dropout=dropout, drop_path=rate)
                for rate in drop_rates(drop_path, depth)
            ]
        )
        self.norm = LayerNorm(width) if pre_norm else nn.Identity()
        self.add_head(width, patch, num_classes)
        self.sizes = Sizes(default=size[0], minimum=patch, multiple=patch)
        for layer in self.blocks.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def add_head(self, width: int, patch: int, num_classes: int) -> None:
        """The last stages, from tokens (B, 1 + N, D) to logits."""
        self.token = ClassToken()
        self.head = nn.Linear(width, num_classes)

    def stages(self) -> Iterator[tuple[str, nn.Module]]:
        """Each layer is a stage of its own: `blocks.0`, `blocks.1`, ..."""
        for name, stage in super().stages():
            if name == "blocks":
                yield from ((f"blocks.{i}", layer) for i, layer in enumerate(self.blocks))
            else:
                yield name, stage


def _variant(
    name: str,
    parameters: int,
    macs: int,
    patch: int,
    width: int,
    depth: int,
    heads: int,
    *,
    size: int = 224,
    num_classes: int = 1000,
    pre_norm: bool = True,
) -> Variant:
    return Variant(
        name=name,
        build=ViT,
        sized=True,
        year=2020,
        paper='Dosovitskiy et al., "An image is worth 16x16 words", arXiv:2010.11929',
        parameters=parameters,
        macs=macs,
        num_classes=num_classes,
        sizes=Sizes(default=size, minimum=patch, multiple=patch),
        arguments={
            "patch": patch,
            "width": width,
            "depth": depth,
            "heads": heads,
            "pre_norm": pre_norm,
        },
    )


VARIANTS = (
    _variant("vit_ti16", 5_717_416, 1_253_683_200, 16, 192, 12, 3),
    _variant("vit_ti16_post_norm", 5_717_032, 1_253_683_200, 16, 192, 12, 3, pre_norm=False),
    _variant("vit_s16", 22_050_664, 4_598_882_304, 16, 384, 12, 6),
    _variant("vit_s32", 22_878_952, 1_142_909_952, 32, 384, 12, 6),
    _variant("vit_b16", 86_567_656, 17_563_828_224, 16, 768, 12, 12),
    _variant("vit_b32", 88_224_232, 4_409_186_304, 32, 768, 12, 12),
    _variant("vit_l16", 304_326_632, 61_554_712_576, 16, 1024, 24, 16),
    _variant("vit_l32", 306_535_400, 15_377_539_072, 32, 1024, 24, 16),
    # For images of 28² and 32² pixels, whose patches must be small.
    _variant("vit_nano4", 683_242, 48_293_952, 4, 96, 6, 3, size=32, num_classes=10),
    _variant("vit_ti4", 5_362_762, 365_107_584, 4, 192, 12, 3, size=32, num_classes=10),
)

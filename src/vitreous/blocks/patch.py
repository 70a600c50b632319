"""Patch embedding: each patch of an image becomes a vector, a token, and is told where it was.

Dosovitskiy et al. (2021), "An image is worth 16x16 words", arXiv:2010.11929, section 3.1. Positions
are learned for one grid; for images of another size they are interpolated (section 3.2).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.shapes import Images


class PatchEmbedding(nn.Module):
    """(B, C, H, W) to (B, 1 + h·w, D): a class token, then the patches row by row.

    grid  (h, w) of the images for which positions are learned
    """

    def __init__(self, in_channels: int, width: int, patch: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid[0] * grid[1], width))
        self.proj = nn.Conv2d(in_channels, width, patch, patch)
        nn.init.normal_(self.cls_token, std=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, images: Images) -> Tensor:
        maps: Tensor = self.proj(images)  # (B, D, h, w)
        grid = maps.shape[2], maps.shape[3]
        tokens = maps.flatten(2).transpose(1, 2)  # (B, h·w, D)
        tokens = torch.cat([self.cls_token.expand(tokens.shape[0], -1, -1), tokens], 1)
        return tokens + interpolate_positions(self.pos_embed, self.grid, grid)

    @torch.no_grad()
    def adapted(self, positions: Tensor) -> Tensor:
        """Positions (1, 1 + g·g, D) learned for another, square grid, interpolated to this one."""
        side = round((positions.shape[1] - 1) ** 0.5)
        return interpolate_positions(positions, (side, side), self.grid)


def interpolate_positions(positions: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """(1, 1 + h·w, D) for one grid to the same for another; the class token's stays."""
    if old == new:
        return positions
    own, rest = positions[:, :1], positions[:, 1:]
    maps = rest.reshape(1, *old, -1).permute(0, 3, 1, 2)  # (1, D, h, w)
    maps = F.interpolate(maps, new, mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([own, maps.flatten(2).transpose(1, 2)], 1)

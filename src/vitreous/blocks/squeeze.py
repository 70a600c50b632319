"""Squeeze and excitation: the whole image decides how much each channel counts.

Hu et al. (2018), "Squeeze-and-excitation networks", arXiv:1709.01507, section 3.
"""

from __future__ import annotations

from torch import Tensor, nn

from vitreous.blocks.activation import activation
from vitreous.shapes import Features


class SqueezeExcite(nn.Module):
    """maps · σ(W₂ act(W₁ mean(maps))): one gate in (0, 1) a channel and image.

    squeezed  channels between W₁ and W₂
    """

    def __init__(self, channels: int, squeezed: int, act: str = "relu") -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = activation(act)
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, maps: Features) -> Features:
        summary = maps.mean((2, 3), keepdim=True)  # (B, K, 1, 1)
        gates: Tensor = self.expand(self.act(self.reduce(summary))).sigmoid()
        return maps * gates

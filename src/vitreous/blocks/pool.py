"""From a map to a vector: global average and global maximum pooling.

They have no parameters, take maps of any size, and do not care where something is. The average
finds the whole object, the maximum its most telling part. Lin et al. (2014), "Network in
network", arXiv:1312.4400, section 3.2.
"""

from __future__ import annotations

from torch import Tensor, nn

from vitreous.errors import unknown
from vitreous.shapes import Features


class GlobalAveragePool(nn.Module):
    """(B, K, h, w) to (B, K)."""

    def forward(self, maps: Features) -> Tensor:
        return maps.mean((2, 3))


class GlobalMaxPool(nn.Module):
    """(B, K, h, w) to (B, K)."""

    def forward(self, maps: Features) -> Tensor:
        return maps.amax((2, 3))


POOLS: dict[str, type[nn.Module]] = {"average": GlobalAveragePool, "max": GlobalMaxPool}


def global_pool(name: str) -> nn.Module:
    """A new layer of that name. Raises UsageError that offers the names."""
    if name not in POOLS:
        raise unknown("pooling", name, POOLS)
    return POOLS[name]()

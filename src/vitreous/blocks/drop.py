"""Stochastic depth (DropPath): residual branches are left out at random, image by image.

A network trained so is an average over many shallower ones, and trains faster. At test time every
branch takes part. Huang et al. (2016), "Deep networks with stochastic depth", arXiv:1603.09382.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitreous.backprop import layers as modules
from vitreous.backprop.layers import Layer
from vitreous.errors import UsageError


class DropPath(nn.Module):
    """Zero with probability p for a whole image, else scaled by 1 / (1 - p): the mean is kept.

    p  the proportion dropped, as in `nn.Dropout` (some texts mean the proportion kept)
    """

    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise UsageError(
                f"a drop rate of {p}",
                where="drop_path",
                remedy="Give a number from 0 to just below 1.",
            )
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.dim() - 1), device=x.device) >= self.p
        return x * (kept / (1 - self.p)).to(x.dtype)

    def by_hand(self) -> Layer:
        """The same with a hand-written derivative."""
        return modules.DropPath(self.p)

    def extra_repr(self) -> str:
        return f"p={self.p:.3g}"


def drop_rates(last: float, depth: int) -> list[float]:
    """Drop rates that rise linearly with depth: early layers matter more."""
    return [last * i / max(1, depth - 1) for i in range(depth)]

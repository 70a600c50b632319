"""Bilinear enlargement as a transposed convolution, which learning may change.

    out(x) = Σ_j w(x - center of j) in(j),   w(d) = max(0, 1 - |d| / factor)

Beyond the outer pixels the map goes on as it is there, so that at first the result is that of
bilinear interpolation everywhere. Long, Shelhamer and Darrell (2015), "Fully convolutional
networks", arXiv:1411.4038, section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.errors import UsageError
from vitreous.shapes import Features


class BilinearUp(nn.ConvTranspose2d):
    """Maps (B, K, h, w) to maps (B, K, factor·h, factor·w), each channel by itself.

    Raises UsageError for a factor below 2.
    """

    def __init__(self, channels: int, factor: int) -> None:
        if factor < 2:
            raise UsageError(f"enlarged {factor} times", where="factor", remedy="Give 2 or more.")
        kernel = 2 * factor - factor % 2
        # One more pixel around the map, and what it becomes is cut off: `factor` on each side.
        padding = factor + (kernel - factor) // 2
        super().__init__(channels, channels, kernel, factor, padding, groups=channels, bias=False)
        self.factor = factor
        away = (torch.arange(kernel) - (kernel - 1) / 2).abs() / factor
        with torch.no_grad():
            self.weight.copy_(torch.outer(1 - away, 1 - away).expand_as(self.weight))

    def forward(self, x: Features, output_size: list[int] | None = None) -> Tensor:
        return super().forward(F.pad(x, (1, 1, 1, 1), mode="replicate"), output_size)

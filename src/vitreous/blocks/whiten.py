"""Whitening convolution: a frozen first layer that makes the patches of training images white.

Its filters are the principal directions of small patches, each divided by the deviation along it,
and the same with the opposite sign, so that a rectifier behind it loses nothing. Nothing needs to
be learned about how neighboring pixels go together.
Page (2019), "How to train your ResNet 8: bag of tricks"; Jordan (2024), "94% on CIFAR-10 in 3.29
seconds on a single GPU", arXiv:2404.00498.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import nn

from vitreous.blocks.normalize import Normalize
from vitreous.data.statistics import whitening

LEAST = 5e-4
"""Added to the variance along each direction, where pixels have the variance 1: directions that
are mostly noise are not blown up."""


class WhiteningConv2d(nn.Conv2d):
    """(B, C, H, W) to (B, 2 C k², H - k + 1, W - k + 1); its weight is frozen, its bias learns.

    kernel  k, the side of a patch in pixels

    Until `whiten` has seen images, the filters are those of any convolution.
    """

    def __init__(self, in_channels: int, kernel: int = 2) -> None:
        super().__init__(in_channels, 2 * in_channels * kernel**2, kernel)
        self.weight.requires_grad_(False)
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    @torch.no_grad()
    def whiten(self, rows: Iterable[NDArray[np.uint8]], normalize: Normalize) -> None:
        """Take the filters from the patches of images.

        rows       (B, H, W, C) uint8, some images at a time
        normalize  what lies between the pixels and this layer

        Directions in which patches do not vary get filters of zeros.
        """
        std = normalize.std.flatten().cpu().double()
        found = whitening(
            (patches(chunk, self.kernel_size[0]) for chunk in rows),
            "pca",
            epsilon=LEAST * float(std.square().mean()),
        )
        k = self.kernel_size[0]
        directions = torch.from_numpy(found.matrix).view(-1, k, k, self.in_channels) * std
        self.weight.zero_()
        for first, sign in ((0, 1), (self.out_channels // 2, -1)):
            self.weight[first : first + len(directions)] = sign * directions.permute(0, 3, 1, 2)


def patches(rows: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """All patches of images (B, H, W, C), one by one: (n, side, side, C)."""
    windows = sliding_window_view(rows, (side, side), axis=(1, 2))  # (B, h, w, C, side, side)
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, side, side, rows.shape[3])


def whiten(network: nn.Module, rows: Iterable[NDArray[np.uint8]]) -> bool:
    """Whiten the first such layer of a network, if it has one; says whether it has.

    rows  (B, H, W, C) uint8 of the training part, some at a time; looked at only where needed
    """
    layer = next((m for m in network.modules() if isinstance(m, WhiteningConv2d)), None)
    if layer is not None:
        normalize = next(m for m in network.modules() if isinstance(m, Normalize))
        layer.whiten(rows, normalize)
    return layer is not None

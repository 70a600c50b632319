"""A convolution is a dense layer with few weights, shared: here is that layer, as a sparse matrix.

    y = C x + b          C has one row for each output unit and one column for each input pixel

In one dimension C is banded, every row the one before it, shifted. Its transpose is the transposed
convolution, by which decoders enlarge maps. And a dense layer on a map is a convolution with a
kernel as large as the map, which is why a classifier can slide over larger images.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vitreous.backprop.conv_as_matrix import matrix_of
from vitreous.backprop.layers.convolution import Convolution
from vitreous.errors import ModelError


@torch.no_grad()
def as_matrix(conv: nn.Conv2d, height: int, width: int) -> Tensor:
    """The matrix of a convolution of C×height×width maps, (K·h·w, C·height·width), sparse.

    Rows and columns are flattened maps, channel by channel and row by row, so that
    `conv(x).flatten()` is `as_matrix(conv, H, W) @ x.flatten()` plus the bias of each channel.
    Raises ModelError for padding that is no number of zeros, ShapeError for a map too small.
    """
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        raise ModelError(
            f"{conv} does not pad with a fixed number of zeros", remedy="Use padding=<integers>."
        )
    layer = Convolution(
        conv.weight,
        stride=conv.stride,
        padding=conv.padding,
        dilation=conv.dilation,
        groups=conv.groups,
    )
    return matrix_of(layer, (height, width)).sparse(conv.weight)


@torch.no_grad()
def as_convolution(linear: nn.Linear, channels: int, kernel: tuple[int, int] = (1, 1)) -> nn.Conv2d:
    """The convolution that does to a map of `channels`×`kernel` what `linear` does, flattened.

    The weights are the same numbers in another shape. On a larger map it gives one answer for each
    place.
    """
    if linear.in_features != channels * math.prod(kernel):
        raise ModelError(
            f"a dense layer of {linear.in_features} inputs cannot take {channels} maps of {kernel}",
            remedy="Give the shape of the maps that were flattened for it.",
        )
    conv = nn.Conv2d(channels, linear.out_features, kernel, bias=linear.bias is not None)
    conv = conv.to(linear.weight.device, linear.weight.dtype)
    conv.weight.copy_(linear.weight.view_as(conv.weight))
    if linear.bias is not None and conv.bias is not None:
        conv.bias.copy_(linear.bias)
    return conv

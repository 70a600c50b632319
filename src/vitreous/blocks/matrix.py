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
from torch.nn import functional as F

from vitreous.errors import ModelError


@torch.no_grad()
def as_matrix(conv: nn.Conv2d, height: int, width: int) -> Tensor:
    """The matrix of a convolution of C×height×width maps, (K·h·w, C·height·width), sparse.

    Rows and columns are flattened maps, channel by channel and row by row, so that
    `conv(x).flatten()` is `as_matrix(conv, H, W) @ x.flatten()` plus the bias of each channel.
    """
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        raise ModelError(
            f"{conv} does not pad with a fixed number of zeros", remedy="Use padding=<integers>."
        )
    inputs = torch.arange(1, 1 + conv.in_channels * height * width, dtype=torch.float64)
    columns = _windows(conv, inputs.view(1, conv.in_channels, height, width))  # (C·k, h·w)
    positions = columns.shape[1]
    window = math.prod(conv.kernel_size)
    size = conv.out_channels * positions, len(inputs)
    rows, places, values = [], [], []
    per_group = conv.out_channels // conv.groups
    span = conv.in_channels // conv.groups * window
    for out in range(conv.out_channels):
        first = out // per_group * span
        seen = columns[first : first + span].long()  # number of the input pixel; 0 is padding
        weight = conv.weight[out].reshape(span, 1).expand(span, positions)
        row = (out * positions + torch.arange(positions)).expand(span, positions)
        real = seen > 0
        rows.append(row[real])
        places.append(seen[real] - 1)
        values.append(weight[real])
    index = torch.stack([torch.cat(rows), torch.cat(places)])
    return torch.sparse_coo_tensor(index, torch.cat(values), size, check_invariants=True).coalesce()


def _windows(conv: nn.Conv2d, x: Tensor) -> Tensor:
    assert not isinstance(conv.padding, str)
    options = {"dilation": conv.dilation, "padding": conv.padding, "stride": conv.stride}
    return F.unfold(x, conv.kernel_size, **options)[0]


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

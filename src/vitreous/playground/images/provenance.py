"""Where a number comes from: how each kind of layer made one value of its output.

The parts that are shown, a patch and a kernel, inputs and weights, give the value again; that is
what makes them an explanation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.blocks.conv import SameConv2d
from vitreous.blocks.pool import GlobalAveragePool, GlobalMaxPool
from vitreous.playground.images.layers import SHOWN, View
from vitreous.playground.plane.snapshot import Frame

AVERAGES = (GlobalAveragePool, nn.AdaptiveAvgPool2d)
POINTWISE = tuple({type(row.build()) for row in ACTIVATIONS.values()})


def explained(view: View, channel: int, row: int, column: int) -> Frame:
    """How a layer made one number, by kind of layer: facts for words, arrays for pictures."""
    module, source = view.module, view.input[0]
    if isinstance(module, nn.Conv2d) and isinstance(module.padding, tuple):
        return _convolved(module, source, channel, row, column)
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        return _pooled(module, source[channel], row, column)
    if isinstance(module, nn.Linear) and source.dim() == 1:
        return _weighed(module, source, channel)
    if isinstance(module, AVERAGES) and source.dim() == 3:
        return _averaged(source[channel], view.maps.shape[1:], row, column)
    if isinstance(module, GlobalMaxPool):
        return {"how": "largest"}, {"patch": source[channel].float().numpy()}
    if isinstance(module, nn.BatchNorm2d) and module.affine and module.track_running_stats:
        return _normalized(module, float(source[channel, row, column]), channel)
    if isinstance(module, POINTWISE):
        before = source.reshape(view.maps.shape)[channel, row, column]
        return {"how": "pointwise", "before": float(before)}, {}
    if isinstance(module, nn.LocalResponseNorm):
        return _subdued(module, source[:, row, column], channel)
    if source.numel() == view.maps.numel() and torch.equal(source.flatten(), view.maps.flatten()):
        return {"how": "unchanged"}, {}
    return {"how": "unknown"}, {}


def _convolved(layer: nn.Conv2d, source: Tensor, channel: int, row: int, column: int) -> Frame:
    """The patch under the kernel, channel by channel; their products and the bias are the value."""
    size = [d * (k - 1) + 1 for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
    if isinstance(layer, SameConv2d):
        (up, down), (before, after) = layer.borders(source)
    else:
        up, before = down, after = [int(p) for p in layer.padding]
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padded = nn.functional.pad(source[None], (before, after, up, down), mode)[0]
    top, left = row * layer.stride[0], column * layer.stride[1]
    inputs = layer.in_channels // layer.groups
    first = channel // (layer.out_channels // layer.groups) * inputs
    patch = padded[first : first + inputs, top : top + size[0], left : left + size[1]]
    patch = patch[:, :: layer.dilation[0], :: layer.dilation[1]]
    kernel = layer.weight[channel].detach()
    bias = 0.0 if layer.bias is None else float(layer.bias[channel].detach())
    products = patch * kernel
    facts = {
        "how": "convolution",
        "bias": bias,
        "sum": float(products.double().sum()),
        "first": first,
        "top": top - up,
        "left": left - before,
        "rows": size[0],
        "columns": size[1],
        "sums": products.double().sum((1, 2)).tolist(),
    }
    arrays = {"patch": patch[:SHOWN].float().numpy(), "kernel": kernel[:SHOWN].float().numpy()}
    return facts, arrays


def _pooled(layer: nn.MaxPool2d | nn.AvgPool2d, source: Tensor, row: int, column: int) -> Frame:
    """The window of a map of which the largest, or the mean, is the value.

    Zeros around the map are in the window where the mean counts them.
    """
    padding, dilation, edge = _pair(layer.padding), (1, 1), (0, 0)
    if isinstance(layer, nn.MaxPool2d):
        dilation = _pair(layer.dilation)
    elif layer.count_include_pad:
        edge = padding
    spans, corner = [], []
    for at, size, kernel, stride, pad, zeros, step in zip(
        (row, column),
        source.shape,
        _pair(layer.kernel_size),
        _pair(layer.stride),
        padding,
        edge,
        dilation,
        strict=True,
    ):
        first = at * stride - pad
        corner += [first, step * (kernel - 1) + 1]
        places = range(first, first + kernel * step, step)
        spans.append([place + zeros for place in places if -zeros <= place < size + zeros])
    padded = nn.functional.pad(source, (edge[1], edge[1], edge[0], edge[0]))
    arrays = {"patch": padded[spans[0]][:, spans[1]].float().numpy()}
    facts: dict[str, Any] = dict(zip(("top", "rows", "left", "columns"), corner, strict=True))
    if isinstance(layer, nn.MaxPool2d):
        return facts | {"how": "largest"}, arrays
    if layer.divisor_override:
        return facts | {"how": "divided", "divisor": layer.divisor_override}, arrays
    return facts | {"how": "mean"}, arrays


def _averaged(source: Tensor, output: Sequence[int], row: int, column: int) -> Frame:
    """The part of a map that adaptive pooling averages: from ⌊i·H/h⌋ to before ⌈(i+1)·H/h⌉."""
    height, width = (
        slice(at * size // count, -(-(at + 1) * size // count))
        for at, size, count in zip((row, column), source.shape, output, strict=True)
    )
    return {"how": "mean"}, {"patch": source[height, width].float().numpy()}


def _pair(size: int | tuple[int, ...]) -> tuple[int, int]:
    height, width = size if isinstance(size, tuple) else (size, size)
    return height, width


def _weighed(layer: nn.Linear, source: Tensor, unit: int) -> Frame:
    """The inputs that contribute most to a dense unit, by size of weight × value."""
    products = (source.flatten() * layer.weight[unit].detach()).double()
    bias = 0.0 if layer.bias is None else float(layer.bias[unit].detach())
    strongest = products.abs().argsort(descending=True)[:8]
    facts = {
        "how": "weighed",
        "bias": bias,
        "sum": float(products.sum()),
        "inputs": len(products),
        "strongest": [
            [int(i), float(source.flatten()[i]), float(layer.weight[unit, i].detach())]
            for i in strongest
        ],
    }
    return facts, {}


def _subdued(layer: nn.LocalResponseNorm, source: Tensor, channel: int) -> Frame:
    """x / (k + α/n Σ x²)^β, where the sum runs over n neighboring channels."""
    first = max(0, channel - layer.size // 2)
    neighbors = source[first : channel + (layer.size + 1) // 2].double()
    divisor = (layer.k + layer.alpha / layer.size * float(neighbors.square().sum())) ** layer.beta
    facts = {"how": "subdued", "before": float(source[channel]), "divisor": divisor}
    return facts, {"patch": neighbors.float().numpy()[None]}


def _normalized(layer: nn.BatchNorm2d, before: float, channel: int) -> Frame:
    """(x - mean) / deviation · scale + shift, with the statistics of training."""
    assert layer.running_mean is not None
    assert layer.running_var is not None
    facts = {
        "how": "normalized",
        "before": before,
        "mean": float(layer.running_mean[channel]),
        "deviation": float((layer.running_var[channel] + layer.eps).sqrt()),
        "scale": float(layer.weight[channel].detach()),
        "shift": float(layer.bias[channel].detach()),
    }
    return facts, {}

"""A trained network and the image that it looks at, opened layer by layer.

Every map can be drawn, and every number in a map can be asked where it came from: the patch that
was seen, the kernel, the sum. What is shown is what the network computed, by the same pixel
contract as any prediction; nothing is recomputed in the browser.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.blocks.normalize import Normalize
from vitreous.blocks.pool import GlobalAveragePool, GlobalMaxPool
from vitreous.data.dataset import Pixels
from vitreous.data.decode import decode
from vitreous.errors import UsageError
from vitreous.export.bundle import Bundle
from vitreous.models import head
from vitreous.models.linear import Linear, templates
from vitreous.playground.snapshot import Frame
from vitreous.tasks import TASKS
from vitreous.trace.family import describe
from vitreous.trace.receptive import ReceptiveField, receptive_fields

SHOWN = 64  # maps of a layer, and pixels of a map's side, that are drawn
NUMBERS = 512  # of a vector that are drawn
MOST_LAYERS = 40  # leaves of the network; of a larger one, the outputs of its stages are shown
GLOBAL = (GlobalAveragePool, nn.AdaptiveAvgPool2d)
POINTWISE = tuple({type(row.build()) for row in ACTIVATIONS.values()})


@dataclass(frozen=True, eq=False)
class View:
    """A layer that is shown: its module, and what went in and came out for one image."""

    name: str
    module: nn.Module
    input: Tensor
    output: Tensor

    @property
    def shown(self) -> int:
        """How many of its maps or numbers are drawn."""
        return min(len(self.maps), NUMBERS if self.output.dim() == 2 else SHOWN)

    @property
    def maps(self) -> Tensor:
        """The output as maps (K, h, w); a vector as maps of one pixel."""
        first = self.output[0]
        return first if first.dim() == 3 else first.reshape(-1, 1, 1)


class Lens:
    """A network with the last image it saw.

    title   what the page calls it
    origin  what it was trained on, in words
    """

    def __init__(self, bundle: Bundle, title: str, origin: str) -> None:
        self.bundle, self.title, self.origin = bundle, title, origin
        contract = bundle.contract
        self.shape = contract.channels, contract.height, contract.width
        self.fields: dict[str, ReceptiveField] = receptive_fields(bundle.model, self.shape)
        self.shown = shown_layers(bundle.model)
        self.views: list[View] = []
        self.see(np.zeros((contract.height, contract.width, contract.channels), np.uint8))

    def network(self) -> Frame:
        """What belongs to the network alone: layers, classes, first filters, templates."""
        channels, height, width = self.shape
        facts: dict[str, Any] = {
            "title": self.title,
            "origin": self.origin,
            "classes": list(self.bundle.classes),
            "task": self.bundle.task,
            "channels": channels,
            "height": height,
            "width": width,
            "parameters": sum(p.numel() for p in self.bundle.model.parameters()),
            "layers": [self._described(view) for view in self.views],
            "cam": self._cam_source() is not None,
        }
        arrays: dict[str, NDArray[Any]] = {}
        if isinstance(self.bundle.model, Linear):
            arrays["templates"] = byte_maps(templates(self.bundle.model).mean(1))  # (L, H, W)
        return facts, arrays

    def see(self, image: Pixels) -> Frame:
        """Look at a decoded image (h, w, c): the image as it is fitted by the contract, every map,
        and the answer.
        """
        self.row = self.bundle.contract.row(image)
        images = self.bundle.contract.images(self.row[None].copy())
        found: dict[str, View] = {}
        with ExitStack() as stack, torch.inference_mode():
            for name, module in self.shown:
                hook = partial(_keep, found, name)
                stack.callback(module.register_forward_hook(hook).remove)
            self.logits = self.bundle.model(images)[0]
        self.views = list(found.values())
        task = TASKS[self.bundle.task]
        facts: dict[str, Any] = {
            "probabilities": task.probabilities(self.logits[None].float())[0].tolist(),
            "logits": self.logits.tolist(),
        }
        arrays: dict[str, NDArray[Any]] = {"image": self.row}
        scales = []
        for number, view in enumerate(self.views):
            maps = reduced(view.maps[: view.shown])
            arrays[f"maps{number}"] = byte_maps(maps)
            scales.append(float(view.maps.abs().max()))
        facts["scales"] = scales
        return facts, arrays

    def cam(self, label: int) -> Frame:
        """Where the evidence for a class lies: Σ over channels of weight × map.

        For networks whose maps are averaged and then weighed by one dense layer; the mean of the
        map and the bias add up to the logit. Zhou et al. (2016), "Learning deep features for
        discriminative localization", arXiv:1512.04150.
        """
        self._check("class", label, len(self.bundle.classes))
        maps = self._cam_source()
        last = head(self.bundle.model)
        if maps is None or not isinstance(last, nn.Linear):
            raise UsageError(
                "this network has no class activation maps",
                remedy="They need global average pooling followed by one dense layer.",
            )
        heat = torch.einsum("k,khw->hw", last.weight[label].detach(), maps)
        bias = 0.0 if last.bias is None else float(last.bias[label].detach())
        facts = {
            "label": label,
            "mean": float(heat.mean()),
            "bias": bias,
            "logit": float(self.logits[label]),
            "scale": float(heat.abs().max()),
        }
        return facts, {"heat": byte_maps(heat[None])[0]}

    def value(self, layer: int, channel: int, row: int, column: int) -> Frame:
        """One number of a map, and what made it.

        Raises UsageError if there is no such number.
        """
        self._check("layer", layer, len(self.views))
        view = self.views[layer]
        for what, index, limit in zip(
            ("channel", "row", "column"), (channel, row, column), view.maps.shape, strict=True
        ):
            self._check(what, index, limit)
        facts: dict[str, Any] = {
            "layer": layer,
            "channel": channel,
            "row": row,
            "column": column,
            "value": float(view.maps[channel, row, column]),
            "window": self._window(view, row, column),
        }
        more, arrays = explained(view, channel, row, column)
        return facts | more, arrays

    def _window(self, view: View, row: int, column: int) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of the pixels that the number depends on."""
        _, height, width = self.shape
        field = self.fields.get(view.name)
        if field is None or view.output.dim() != 4:
            return 0, 0, height, width
        return field.window(row, column, height, width)

    def _cam_source(self) -> Tensor | None:
        """The maps (K, h, w) that enter a global average and then the last dense layer."""
        last = head(self.bundle.model)
        for view in self.views:
            if isinstance(view.module, GLOBAL) and isinstance(last, nn.Linear):
                maps = view.input[0]
                if last.in_features == len(maps):
                    return maps
        return None

    def _described(self, view: View) -> dict[str, Any]:
        count, height, width = view.maps.shape
        return {
            "name": view.name,
            "kind": kind_of(view.module),
            "text": describe(view.module),
            "channels": count,
            "shown": view.shown,
            "height": height,
            "width": width,
            "drawn": list(reduced(view.maps[:1]).shape[1:]),
        }

    @staticmethod
    def _check(what: str, index: object, limit: int) -> None:
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < limit:
            raise UsageError(f"there is no {what} {str(index)[:20]}", where=what)


def picture(blob: bytes, channels: int, *, framed: bool = False) -> Pixels:
    """An image file as pixels; a drawing may be framed as the digits of MNIST are.

    framed  scale the drawing's strokes into 20/28 of a square and center their mass
    """
    pixels = decode(blob, channels=channels, where="the image")
    return frame(pixels) if framed else pixels


def frame(pixels: Pixels, side: int = 112) -> Pixels:
    """Strokes on black, scaled to 20/28 of a side and with their center of mass in the middle.

    LeCun et al. (1998), section III.A. An empty drawing stays empty.
    """
    strokes = pixels.max(axis=2)
    rows, columns = np.nonzero(strokes > 32)
    if not len(rows):
        return np.zeros((side, side, pixels.shape[2]), np.uint8)
    top, left = rows.min(), columns.min()
    cut = pixels[top : rows.max() + 1, left : columns.max() + 1]
    scale = side * 20 / 28 / max(cut.shape[:2])
    weight = cut.max(axis=2).astype(np.float64)
    middle_row = (weight.sum(1) @ np.arange(len(weight))) / weight.sum()
    middle_column = (weight.sum(0) @ np.arange(weight.shape[1])) / weight.sum()
    matrix = np.array(
        [
            [scale, 0, side / 2 - scale * middle_column],
            [0, scale, side / 2 - scale * middle_row],
        ]
    )
    warped = cv2.warpAffine(np.ascontiguousarray(cut), matrix, (side, side), flags=cv2.INTER_AREA)
    return warped.reshape(side, side, pixels.shape[2]).astype(np.uint8, copy=False)


def shown_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers to draw: all that compute something, or of a large network its stages."""
    silent = (nn.Identity, nn.Dropout, nn.Flatten, Normalize)
    leaves = [
        (name, module)
        for name, module in model.named_modules()
        if name and not list(module.children()) and not isinstance(module, silent)
    ]
    if len(leaves) <= MOST_LAYERS:
        return leaves
    return [(n, m) for n, m in model.named_children() if not isinstance(m, silent)]


def explained(view: View, channel: int, row: int, column: int) -> Frame:
    """How a layer made one number, by kind of layer: facts for words, arrays for pictures."""
    module, source = view.module, view.input[0]
    if isinstance(module, nn.Conv2d) and isinstance(module.padding, tuple):
        return _convolved(module, source, channel, row, column)
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        return _pooled(module, source[channel], row, column)
    if isinstance(module, nn.Linear):
        return _weighed(module, source, channel)
    if isinstance(module, GLOBAL) and source.dim() == 3:
        return {"how": "mean"}, {"patch": source[channel].float().numpy()}
    if isinstance(module, GlobalMaxPool):
        return {"how": "largest"}, {"patch": source[channel].float().numpy()}
    if isinstance(module, nn.BatchNorm2d):
        return _normalized(module, float(source[channel, row, column]), channel)
    if isinstance(module, POINTWISE):
        before = source.reshape(view.maps.shape)[channel, row, column]
        return {"how": "pointwise", "before": float(before)}, {}
    return {"how": "unknown"}, {}


def _convolved(layer: nn.Conv2d, source: Tensor, channel: int, row: int, column: int) -> Frame:
    """The patch under the kernel, channel by channel; their products and the bias are the value."""
    size = [d * (k - 1) + 1 for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
    padding = [int(p) for p in layer.padding]
    padded = nn.functional.pad(source, (padding[1], padding[1], padding[0], padding[0]))
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
        "top": top - padding[0],
        "left": left - padding[1],
        "sums": products.double().sum((1, 2)).tolist(),
    }
    arrays = {"patch": patch[:SHOWN].float().numpy(), "kernel": kernel[:SHOWN].float().numpy()}
    return facts, arrays


def _pooled(layer: nn.MaxPool2d | nn.AvgPool2d, source: Tensor, row: int, column: int) -> Frame:
    """The window of a map of which the largest, or the mean, is the value."""
    kernel, stride, padding = (
        size if isinstance(size, tuple) else (size, size)
        for size in (layer.kernel_size, layer.stride, layer.padding)
    )
    top, left = row * stride[0] - padding[0], column * stride[1] - padding[1]
    patch = source[max(top, 0) : top + kernel[0], max(left, 0) : left + kernel[1]]
    how = "largest" if isinstance(layer, nn.MaxPool2d) else "mean"
    facts = {"how": how, "top": max(top, 0), "left": max(left, 0)}
    return facts, {"patch": patch.float().numpy()}


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


def kind_of(module: nn.Module) -> str:
    """A word for the page: conv, pool, dense, norm, act or other."""
    if isinstance(module, nn.Conv2d):
        return "conv"
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d | GlobalAveragePool | GlobalMaxPool):
        return "pool"
    if isinstance(module, nn.Linear):
        return "dense"
    if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
        return "norm"
    simple = next(module.parameters(), None) is None and next(module.children(), None) is None
    return "act" if simple else "other"


def reduced(maps: Tensor) -> Tensor:
    """Maps (K, h, w) of at most 64 pixels a side, for drawing."""
    height, width = maps.shape[1:]
    if max(height, width) <= SHOWN:
        return maps
    size = (min(height, SHOWN), min(width, SHOWN))
    return nn.functional.adaptive_avg_pool2d(maps[None].float(), size)[0]


def byte_maps(maps: Tensor) -> NDArray[np.uint8]:
    """Maps (K, h, w) to bytes around 128, scaled by the largest absolute value of them all."""
    scale = maps.abs().max().clamp(min=1e-9)
    return (maps.float() / scale).add(1).mul(127.5).round().byte().contiguous().numpy()


def _keep(
    found: dict[str, View], name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any
) -> None:
    """Remember what went through a layer, if it is maps or a vector."""
    if isinstance(output, Tensor) and output.dim() in (2, 4) and isinstance(inputs[0], Tensor):
        found[name] = View(name, module, inputs[0].detach().clone(), output.detach().clone())

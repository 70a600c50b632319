"""A sliding network's answer at every pixel: shift and stitch, and the same by dilation.

A network whose strides multiply to f answers at every f-th pixel. The answers to all f² shifts of
the image, interleaved, are those at every pixel; so are those of one pass through the network whose
strides are taken out and whose later kernels are spread by them (the "hole" algorithm). Where maps
are padded the two differ near the border, because a shift moves it.
Long et al. (2015), arXiv:1411.4038, section 3.2; Giusti et al. (2013), arXiv:1302.1700.
"""

from __future__ import annotations

import copy
from itertools import product

import torch
from torch import Tensor, nn

from vitreous.blocks.mode import evaluating
from vitreous.errors import ModelError, ShapeError
from vitreous.shapes import Images

Layer = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d


def shift_and_stitch(model: nn.Module, images: Images, stride: int) -> Tensor:
    """The map (B, L, h, w) of answers at every pixel, of a network that slides.

    stride  f, pixels between the network's own answers; it runs f² times

    Raises ShapeError for images that are too small to be shifted.
    """
    if min(images.shape[2:]) < stride:
        raise ShapeError(
            f"images of {tuple(images.shape[2:])} cannot be shifted by up to {stride - 1} pixels",
            where="images",
            remedy="Give larger ones.",
        )
    with evaluating(model), torch.inference_mode():
        parts: dict[tuple[int, int], Tensor] = {
            (down, right): model(images[:, :, down:, right:])
            for down, right in product(range(stride), repeat=2)
        }
    height = sum(parts[down, 0].shape[2] for down in range(stride))
    width = sum(parts[0, right].shape[3] for right in range(stride))
    first = parts[0, 0]
    stitched = first.new_empty((*first.shape[:2], height, width))
    for (down, right), part in parts.items():
        stitched[:, :, down::stride, right::stride] = part
    return stitched


@torch.no_grad()
def dilated(model: nn.Module, images: Images) -> nn.Module:
    """A copy of a sliding network that answers at every pixel in one pass.

    images  of a size that the network takes, with which the order of its layers is found and the
            copy is tried

    Raises ModelError for networks whose strides do not lie one behind the other (in branches, or in
    padding that depends on the size).
    """
    dense = copy.deepcopy(model)
    with evaluating(model):
        before = model(images)
    spread = 1
    with evaluating(dense):
        for name, layer, channels in _in_order(dense, images):
            if isinstance(layer, nn.AvgPool2d):
                layer = _averaging(layer, channels)
                dense.set_submodule(name, layer)
            stride, *others = {*_pair(layer.stride)}
            if others:
                raise ModelError(
                    f"{name} strides by {layer.stride}", remedy="Only equal strides can be spread."
                )
            layer.dilation = tuple(spread * d for d in _pair(layer.dilation))
            layer.padding = tuple(spread * p for p in _pair(layer.padding))
            layer.stride = 1, 1
            spread *= stride
        try:
            after = dense(images)[:, :, ::spread, ::spread]
        except RuntimeError:  # maps of branches that do not meet any more
            after = before[:0]
    if after.shape != before.shape or not torch.allclose(after, before, rtol=1e-3, atol=1e-4):
        raise ModelError(
            f"the strides of {getattr(model, 'name', type(model).__name__)} cannot be spread",
            remedy="Its layers must follow one behind the other; or use `shift_and_stitch`.",
        )
    return dense


def _in_order(model: nn.Module, images: Images) -> list[tuple[str, Layer, int]]:
    """(path, layer, channels of its input) of what slides, in the order in which it runs."""
    found: list[tuple[str, Layer, int]] = []
    names = {module: name for name, module in model.named_modules()}

    def note(layer: Layer, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        found.append((names[layer], layer, inputs[0].shape[1]))

    hooks = [m.register_forward_hook(note) for m in names if isinstance(m, Layer)]
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _averaging(pool: nn.AvgPool2d, channels: int) -> nn.Conv2d:
    """Average pooling, which knows no dilation, as a convolution of each channel."""
    kernel = _pair(pool.kernel_size)
    if any(_pair(pool.padding)) and not pool.count_include_pad:
        raise ModelError("a padded mean of what is there cannot be spread")
    conv = nn.Conv2d(
        channels,
        channels,
        kernel,
        _pair(pool.stride),
        _pair(pool.padding),
        groups=channels,
        bias=False,
    )
    conv.weight.fill_(1 / (kernel[0] * kernel[1]))
    return conv.requires_grad_(False)


def _pair(value: int | tuple[int, ...] | str) -> tuple[int, int]:
    if isinstance(value, str):
        raise ModelError(f"padding '{value}' cannot be spread")
    return (value, value) if isinstance(value, int) else (value[0], value[1])

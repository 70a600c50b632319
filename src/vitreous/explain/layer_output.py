"""The output of a layer, and nothing beyond it: what most looks into a network begin with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vitreous.blocks.normalize import Normalize
from vitreous.errors import ShapeError, UsageError
from vitreous.explain.layer_maps import as_map
from vitreous.explain.looking import first_tensor, fitting, layer_of, looking
from vitreous.models.network import Network
from vitreous.shapes import Features, Images


class Reached(Exception):
    """The layer was run, and nothing after it is needed."""


def layer_output(model: nn.Module, images: Images, layer: str) -> Tensor:
    """What a layer gives for images that fit the network, with gradients where they are enabled.

    layer  as in `model.named_modules()`; its last call, or "name#2" the second, after which the
           network is not run further

    Raises UsageError for a layer that there is not, or that is not run.
    """
    module, wanted = layer_of(model, layer)
    seen: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        tensor = first_tensor(output)
        if tensor is None:
            return
        if wanted and len(seen) + 1 == wanted:
            seen.append(tensor)
            raise Reached
        seen.append(tensor.clone())  # a later layer may work in place

    handle = module.register_forward_hook(keep)
    try:
        model(images)
    except Reached:
        pass
    finally:
        handle.remove()
    if len(seen) < max(wanted, 1):
        raise UsageError(
            f"{layer} gives no tensor, or is not run in evaluation",
            where="layer",
            remedy="Choose a layer that the answer is computed from.",
        )
    return seen[wanted - 1]


def one_call(model: nn.Module, images: Images, layer: str) -> str:
    """The same layer by the number of its call, so that the network need not be run beyond it."""
    module, wanted = layer_of(model, layer)
    if wanted:
        return layer
    calls = 0

    def count(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal calls
        calls += first_tensor(output) is not None

    handle = module.register_forward_hook(count)
    try:
        with looking(model), torch.no_grad():
            model(fitting(model, images[:1]))
    finally:
        handle.remove()
    return f"{layer}#{calls}" if calls else layer


def layer_map(model: nn.Module, images: Images, layer: str) -> Features:
    """The maps (B, K, h, w) of a layer for images (B, C, H, W) in [0, 1], in float32, without
    gradients; tokens of patches where they lie in the image.

    Raises UsageError for a layer that there is not, ShapeError for one without maps.
    """
    with looking(model), torch.no_grad():
        output = layer_output(model, fitting(model, images), layer)
    return mapped(output, layer, (images.shape[2], images.shape[3]))


def mapped(output: Tensor, layer: str, size: tuple[int, int]) -> Features:
    """A layer's output as maps (B, K, h, w) float32. Raises ShapeError where it has none.

    size  height and width of the images
    """
    maps = as_map(output, size)
    if maps is None:
        raise ShapeError(
            f"{layer.removesuffix('#1')} has no map: it gives {tuple(output.shape)}",
            where="layer",
            remedy="Choose a layer that keeps places apart: a convolution, a stage, a block of "
            "tokens.",
        )
    return maps.float()


def map_layers(model: nn.Module, images: Images) -> list[str]:
    """The network's stages whose outputs are maps of more than one place, in order; of what wraps
    one network, that network's.
    """
    stages = _stages(model)
    while len(stages) == 1:
        ((prefix, outer),) = stages
        inner = [(f"{prefix}.{name}", module) for name, module in _stages(outer)]
        if not inner:
            break
        stages = inner
    size = (images.shape[2], images.shape[3])
    found: list[str] = []

    def keep(name: str, output: Any) -> None:
        tensor = first_tensor(output)
        shaped = None if tensor is None else as_map(tensor, size)
        if shaped is not None and shaped.shape[2:].numel() > 1 and name not in found:
            found.append(name)

    handles = [
        module.register_forward_hook(lambda m, i, out, name=name: keep(name, out))
        for name, module in stages
        if not isinstance(module, Normalize)
    ]
    try:
        with looking(model), torch.no_grad():
            model(fitting(model, images[:1]))
    finally:
        for handle in handles:
            handle.remove()
    return found


def _stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Of a network of the table its stages; of others its children, and in place of mere lists of
    modules theirs.
    """
    if isinstance(model, Network):
        return [*model.stages()]
    found = []
    for name, module in model.named_children():
        if isinstance(module, nn.ModuleList | nn.ModuleDict):
            found += [(f"{name}.{inner}", each) for inner, each in module.named_children()]
        else:
            found.append((name, module))
    return found

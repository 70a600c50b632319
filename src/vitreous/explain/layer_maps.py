"""Which layer to explain: the last map before pooling, the last tokens that reach the answer.

A class token gathers from all patches in the last attention. After it, the patch tokens of the last
block go nowhere: their gradient is exactly zero, and a Grad-CAM of that block is empty or noise. So
the block is chosen whose patch tokens still reach the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.errors import ModelError
from vitreous.explain.looking import first_tensor, fitting, looking, with_first
from vitreous.explain.target import Scalar, asked
from vitreous.shapes import Features, Images
from vitreous.training.precision import widened

PREFIX = 8  # tokens before the patches, at most: class, distillation, registers


@dataclass(eq=False)
class LayerMap:
    """A map that a layer made of an image.

    name    of the layer, "name#2" for its second call
    tensor  what it gave; passed: the copy that went on
    version how often the copy had been overwritten when it went on
    pooled  does the layer pool?
    tokens  does it give tokens in a row, rather than a map?
    """

    name: str
    tensor: Tensor
    passed: Tensor
    version: int
    pooled: bool
    tokens: bool


def as_map(values: Tensor, size: tuple[int, int]) -> Features | None:
    """A layer's output as a map (B, K, h, w); None if it is none.

    values  (B, K, h, w); (B, h, w, K), as some transformers have them; or tokens (B, N, D), of
            which those that stand for no patch come first
    size    height and width of the images, whose shape the map has
    """
    if values.dim() == 4:
        _, first, second, third = values.shape
        last = _alike(first, second, size) and not _alike(second, third, size)
        return values.permute(0, 3, 1, 2) if last else values
    if values.dim() != 3:
        return None
    for prefix in range(PREFIX + 1):
        grid = _grid(values.shape[1] - prefix, size)
        if grid is not None:
            patches = values[:, prefix:].transpose(1, 2)
            return patches.reshape(*patches.shape[:2], *grid)
    return None


def _alike(height: int, width: int, size: tuple[int, int]) -> bool:
    return abs(height * size[1] - width * size[0]) < max(size)


def _grid(count: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """Rows and columns of so many patches, all squares of one size."""
    if count < 2:
        return None
    height = isqrt(count * size[0] // size[1])
    for rows in (height, height + 1):
        if rows and count % rows == 0 and rows * size[1] == count // rows * size[0]:
            return rows, count // rows
    return None


def last_map(model: nn.Module, images: Images, scalar: Scalar) -> str:
    """The layer that a Grad-CAM looks at: the last map of more than one place before the pooling;
    of a network that answers at each pixel, the last one of the coarsest grid; of a transformer,
    the last block whose patch tokens reach the answer.

    Found by one pass of one image forward and back. Raises ModelError for a network without maps.
    """
    size = (images.shape[2], images.shape[3])
    with looking(model):
        image = fitting(model, images[:1]).requires_grad_()
        found, outputs = _watched(model, image, size)
        values = asked(widened(outputs), _alone(scalar, len(images)), 1)
        tensors = [each.tensor for each in found if each.tensor.requires_grad]
        gradients: dict[int, Tensor | None] = {}
        if tensors and values.requires_grad:
            given = torch.autograd.grad(values.sum(), tensors, allow_unused=True)
            gradients = {id(tensor): one for tensor, one in zip(tensors, given, strict=True)}
    reaching = [each for each in found if _reaches(each, gradients.get(id(each.tensor)), size)]
    if not reaching:
        raise ModelError(
            f"{getattr(model, 'name', type(model).__name__)} has no map: no layer keeps places "
            "apart and reaches the answer",
            where="layer",
            remedy="Methods that work on pixels do: saliency, integrated_gradients, occlusion.",
        )
    if isinstance(outputs, Tensor) and outputs.dim() == 4:
        areas = [each.tensor.shape[2:].numel() for each in reaching]
        reaching = [each for each, area in zip(reaching, areas, strict=True) if area == min(areas)]
    return reaching[-1].name


def _alone(scalar: Scalar, count: int) -> Scalar:
    """The target of a batch, asked of its first image alone."""

    def first(outputs: Any) -> Tensor:
        if not isinstance(outputs, Tensor):
            return scalar(outputs)[:1]
        return scalar(outputs.expand(count, *outputs.shape[1:]))[:1]

    return first


def _watched(model: nn.Module, image: Images, size: tuple[int, int]) -> tuple[list[LayerMap], Any]:
    """The maps that layers made, in the order in which they were ready, and the outputs."""
    found: list[LayerMap] = []
    passed: dict[int, LayerMap] = {}
    calls: dict[str, int] = {}
    learned = False

    def keep(name: str, module: nn.Module, inputs: Any, output: Any) -> Any:
        nonlocal learned
        learned = learned or any(True for _ in module.parameters(recurse=False))
        calls[name] = calls.get(name, 0) + 1
        tensor = first_tensor(output)
        if tensor is None or not name or not learned:
            return None
        known = passed.get(id(tensor))
        if (
            known and known.version == tensor._version
        ):  # handed on by what contains the layer: the larger one names it
            if known.name.split("#")[0].startswith(f"{name}."):
                known.name = name if calls[name] == 1 else f"{name}#{calls[name]}"
            return None
        shaped = as_map(tensor, size)
        if shaped is None or shaped.shape[2:].numel() < 2:
            return None
        tokens = tensor.dim() == 3
        first = first_tensor(inputs)
        parts = any(True for _ in module.children())
        if tokens and not (parts and first is not None and first.shape == tensor.shape):
            return None  # no block, but a part of one
        call = name if calls[name] == 1 else f"{name}#{calls[name]}"
        pooled = "pool" in type(module).__name__.lower()
        clone = tensor.clone()
        passed[id(clone)] = LayerMap(call, tensor, clone, clone._version, pooled, tokens)
        found.append(passed[id(clone)])
        return with_first(output, clone)

    handles = []
    try:
        for name, module in model.named_modules():
            handles.append(
                module.register_forward_hook(lambda m, i, o, name=name: keep(name, m, i, o))
            )
        outputs = model(image.clone())
    finally:
        for handle in handles:
            handle.remove()
    return found, outputs


def _reaches(found: LayerMap, gradient: Tensor | None, size: tuple[int, int]) -> bool:
    if found.pooled or gradient is None:
        return False
    patches = as_map(gradient, size)
    return patches is not None and (not found.tokens or bool(patches.any()))

"""Looking at a network without changing it: forward passes and gradients for explanations.

Whatever kind of module it is, and however it was left: modes of its modules come back, its `.grad`
is never touched, and no hook stays behind, even after an error. Layers may work in place, modules
may be used several times, weights may be frozen, in another number format, or channels-last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.blocks.mode import evaluating
from vitreous.errors import ModelError, ShapeError, UsageError, unknown
from vitreous.shapes import Images
from vitreous.training.precision import widened


@contextmanager
def looking(model: nn.Module) -> Iterator[None]:
    """Evaluation mode with gradients, also where the caller has switched these off.

    Raises ModelError for weights that were made for inference alone.
    """
    if any(tensor.is_inference() for tensor in model.parameters()):
        raise ModelError(
            "the network's weights were made in inference mode and have no gradients",
            remedy="Create or load it outside of torch.inference_mode().",
        )
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        yield


def fitting(model: nn.Module, images: Images) -> Images:
    """The images in the number format and on the device of the network's weights: a new tensor."""
    if images.dim() != 4 or not images.is_floating_point() or not len(images):
        raise ShapeError(
            f"images of shape {tuple(images.shape)} and type {images.dtype}",
            where="images",
            remedy="Give one or more as (B, C, H, W), floats in [0, 1].",
        )
    floats = (p for p in model.parameters() if p.is_floating_point())
    like = next(floats, images)
    return images.detach().to(like.device, like.dtype, copy=True)


def forward(model: nn.Module, images: Images) -> Any:
    """The outputs, at least in float32."""
    return widened(model(fitting(model, images)))


def gradient(values: Tensor, of: Tensor, what: str) -> Tensor:
    """∂ Σ values / ∂ of, in float32 or wider.

    Raises ModelError where nothing connects them.
    """
    found = None
    if values.requires_grad:
        (found,) = torch.autograd.grad(values.sum(), of, allow_unused=True)
    if found is None:
        raise ModelError(
            f"no gradient of the answer reaches {what}",
            remedy="The network detaches or rounds what it computes. Methods that need no "
            "gradients still work: occlusion, and cam where it ends in a global pool.",
        )
    return found.float() if found.dtype in (torch.bfloat16, torch.float16) else found


def layer_of(model: nn.Module, layer: str) -> tuple[nn.Module, int]:
    """The module of that name, and which of its calls is meant: 0 is the last, "name#2" the second.

    Raises UsageError with the nearest names.
    """
    name, _, call = layer.partition("#")
    modules = dict(model.named_modules(remove_duplicate=False))
    if name not in modules or not name:
        names = [known for known in modules if known]
        outer = [known for known in names if "." not in known]
        raise unknown("layer", name, names, where="layer", outline=outer)
    if call and not (call.isdigit() and int(call)):
        raise UsageError(
            f"'{layer}' names no call of a layer",
            where="layer",
            remedy=f"Write {name}#2 for the second time that it is used.",
        )
    return modules[name], int(call or 0)


def first_tensor(output: Any) -> Tensor | None:
    """The tensor that a module returned, the first one of several."""
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    if isinstance(output, Tensor) and output.is_floating_point():
        return output
    return None


def with_first(output: Any, tensor: Tensor) -> Any:
    """The output of a module with another first tensor."""
    if isinstance(output, tuple):
        return (tensor, *output[1:])
    return [tensor, *output[1:]] if isinstance(output, list) else tensor

"""Gradients by a layer's output, and by the pixels: what most explanations are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vitreous.errors import ModelError
from vitreous.explain.looking import (
    first_tensor,
    fitting,
    gradient,
    layer_of,
    looking,
    with_first,
)
from vitreous.explain.target import Scalar, asked
from vitreous.shapes import Images
from vitreous.training.precision import widened


def pixel_gradients(model: nn.Module, images: Images, scalar: Scalar) -> Tensor:
    """(B, C, H, W) ∂(target)/∂(image), float32 or wider.

    Raises ModelError where the answer does not depend on the pixels by gradients.
    """
    with looking(model):
        leaf = fitting(model, images).requires_grad_()
        # A copy, so that a first layer that works in place may.
        values = asked(widened(model(leaf.clone())), scalar, len(images))
        return gradient(values, leaf, "the image")


def layer_gradients(
    model: nn.Module, images: Images, scalar: Scalar, layer: str
) -> tuple[Tensor, Tensor]:
    """(output, gradient): what a layer made of the images, and ∂(target)/∂(output).

    layer  as in `model.named_modules()`; its last call, or "name#2" the second

    Up to the layer nothing is kept for gradients, which saves more than half of the work. Raises
    ModelError for a layer that is not run, or whose output does not reach the answer.
    """
    module, wanted = layer_of(model, layer)
    for early in (False, True):  # gradients from the start, where the network switches them itself
        leaves: list[Tensor] = []
        calls = 0

        def tap(module: nn.Module, inputs: Any, output: Any, leaves: list[Tensor] = leaves) -> Any:
            nonlocal calls
            calls += 1
            tensor = first_tensor(output)
            if tensor is None or (wanted and calls != wanted):
                return None
            leaves[:] = [tensor.detach().requires_grad_()]
            torch.set_grad_enabled(True)
            return with_first(output, leaves[0].clone())

        with looking(model):
            handle = module.register_forward_hook(tap)
            try:
                with torch.set_grad_enabled(early):
                    given = fitting(model, images)
                    outputs = widened(model(given))
                    values = asked(outputs, scalar, len(images))
            finally:
                handle.remove()
            if not leaves:
                raise ModelError(
                    f"{layer} gives no tensor, or is not run in evaluation",
                    where="layer",
                    remedy="Choose a layer that the answer is computed from.",
                )
            if values.requires_grad or early:
                leaf = leaves[0]
                return leaf.detach(), gradient(values, leaf, f"the layer {layer}")
    raise AssertionError

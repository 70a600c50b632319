"""Backward pass for the page: the loss of one image, and its gradient at all that layers made."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.explain.first_filters import byte_maps
from vitreous.explain.looking import looking
from vitreous.inference.predictor import Predictor, finite
from vitreous.playground.images.layers import View, reduced
from vitreous.playground.plane.snapshot import Frame
from vitreous.shapes import Images
from vitreous.training.precision import widened


def gradients(
    predictor: Predictor, images: Images, targets: Mapping[str, Any], views: list[View]
) -> Frame:
    """The loss of one image (1, C, H, W), and how it would grow with each number of each layer: as
    maps of bytes, with the largest of each layer.

    targets  what is true of it
    views    the layers that are shown
    """
    kept: dict[str, Tensor] = {}
    with looking(predictor.model), ExitStack() as stack:
        for view in views:
            hook = partial(_keep, kept, view.name)
            stack.callback(view.module.register_forward_hook(hook).remove)
        given = images.clone().requires_grad_()
        outputs = widened(predictor.model(given))
        loss = predictor.task.loss(outputs, targets)[0]
        names = [view.name for view in views if view.name in kept]
        found = torch.autograd.grad(loss, [kept[name] for name in names], allow_unused=True)
    loss = finite(loss.detach()[None], "loss")[0]
    slopes = dict(zip(names, found, strict=True))
    arrays, largest = {}, []
    for number, view in enumerate(views):
        slope = slopes.get(view.name)
        if slope is None:
            slope = torch.zeros_like(view.output)
        maps = View(view.name, view.module, view.input, finite(slope, "gradients")).maps
        arrays[f"maps{number}"] = byte_maps(reduced(maps[: view.shown]))
        largest.append(float(maps.abs().max()))
    return {"loss": float(loss), "largest": largest}, arrays


def _keep(
    kept: dict[str, Tensor], name: str, module: nn.Module, inputs: Any, output: Any
) -> Tensor | None:
    """Remember what a layer made; what goes on is a copy, which others may overwrite."""
    if not isinstance(output, Tensor) or not output.requires_grad:
        return None
    kept[name] = output
    return output.clone()

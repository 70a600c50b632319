"""Objectives: which number of a network an image is sought for, that makes it large."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor, nn

from vitreous.errors import ShapeError, unknown
from vitreous.explain.layer_maps import as_map
from vitreous.explain.layer_output import layer_output
from vitreous.explain.target import Scalar, asked
from vitreous.explain.unit import check_unit
from vitreous.shapes import Images
from vitreous.training.precision import widened

Objective: TypeAlias = Callable[[nn.Module, Images], Tensor]
"""From a network and images (B, C, H, W) that fit it to one number for each, (B,)."""


def answer(scalar: Scalar) -> Objective:
    """A number of the outputs: the logit of a class, the place of a joint."""

    def value(model: nn.Module, images: Images) -> Tensor:
        return asked(widened(model(images)), scalar, len(images))

    return value


def channel(layer: str, unit: int) -> Objective:
    """The mean of a channel over its map."""

    def value(model: nn.Module, images: Images) -> Tensor:
        return _unit(model, images, layer, unit).mean((1, 2))

    return value


def neuron(layer: str, unit: int) -> Objective:
    """A channel at the one place in the middle of its map."""

    def value(model: nn.Module, images: Images) -> Tensor:
        maps = _unit(model, images, layer, unit)
        return maps[:, maps.shape[1] // 2, maps.shape[2] // 2]

    return value


OBJECTIVES: dict[str, Callable[[str, int], Objective]] = {"channel": channel, "neuron": neuron}
"""Of a unit of a layer, by name; the first is the default."""


def objective_of(name: str, layer: str, unit: int) -> Objective:
    """Raises UsageError that offers the nearest names."""
    if name not in OBJECTIVES:
        raise unknown("objective", name, OBJECTIVES, where="objective")
    return OBJECTIVES[name](layer, unit)


def _unit(model: nn.Module, images: Images, layer: str, unit: int) -> Tensor:
    """(B, h, w): one channel; of a dense layer a map of one place."""
    output = layer_output(model, images, layer)
    if output.dim() == 2:
        maps = output[:, :, None, None]
    else:
        found = as_map(output, (images.shape[2], images.shape[3]))
        if found is None:
            raise ShapeError(
                f"{layer} has no units: it gives {tuple(output.shape)}",
                where="layer",
                remedy="Choose a convolution, a stage, a block of tokens or a dense layer.",
            )
        maps = found
    check_unit(unit, maps.shape[1], layer)
    return maps[:, unit].float()

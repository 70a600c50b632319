"""From images to explanations, for a trained network with its task and its pixel contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.data.images.frame import Frame
from vitreous.errors import DivergedError, ModelError, UsageError
from vitreous.explain.certificate.certificate import Certificate
from vitreous.explain.certificate.certificate import certify as prove
from vitreous.explain.explanation import Explanation
from vitreous.explain.layer_maps import last_map
from vitreous.explain.looking import forward, looking
from vitreous.explain.methods import METHODS, PIXELS, method_of
from vitreous.explain.target import asked
from vitreous.explain.unit import Unit, check_unit
from vitreous.shapes import Images
from vitreous.tasks import Task
from vitreous.tasks.aim import Aim, picked

AUTO = "auto"
OCCLUSION = "occlusion"  # it needs no derivatives


@dataclass(frozen=True, kw_only=True)
class Question:
    """How an answer is to be explained.

    method  a key of METHODS; "auto" is Grad-CAM, or integrated gradients for a network without maps
    layer   that Grad-CAM looks at, or that has the unit; None is found
    unit    channel of the layer that is asked about, in place of the answer
    target  what of the answer is asked about, in words of the task; "" is what was answered
    """

    method: str = AUTO
    layer: str | None = None
    unit: int | None = None
    target: str = ""

    def __post_init__(self) -> None:
        if self.method != AUTO:
            method_of(self.method)
        if self.unit is None:
            return
        if self.target:
            raise UsageError(
                "a unit and a target are two questions", where="target", remedy="Leave one out."
            )
        if self.layer is None:
            raise UsageError(
                "which layer has the unit?", where="layer", remedy="Name the layer as well."
            )


def explain(
    model: nn.Module,
    task: Task,
    images: Images,
    outputs: Any,
    pictures: Sequence[NDArray[np.uint8]],
    frames: Sequence[Frame],
    question: Question,
) -> list[Explanation]:
    """One explanation an image.

    images    (B, C, H, W) that the network sees; outputs: what it gave for them
    pictures  the images as they were decoded; frames: how each was fitted into the window

    Raises UsageError for an unknown method, layer, unit or target; ModelError for a method that
    the network does not allow; DivergedError for evidence that is no number.
    """
    with torch.inference_mode(False):
        outputs = outputs.clone()
        if question.unit is None:
            asks, aim = model, task.aim(outputs, question.target, frames)
        else:
            asks, aim = _unit(model, images, question.layer or "", question.unit)
        name, layer = question.method, question.layer if question.unit is None else None
        if name == AUTO:
            name, layer = _automatic(asks, images, aim, layer)
        method = METHODS[name]
        if method.layered and layer is None:
            layer = last_map(asks, images, aim.scalar)
        heat = method(asks, images, aim.scalar, layer)
        with looking(asks), torch.no_grad():
            values = asked(forward(asks, images), aim.scalar, len(images))
    if not bool(heat.isfinite().all()):
        raise DivergedError(
            f"the evidence by {name} is not made of finite numbers",
            remedy="The network's gradients overflow: choose occlusion, which needs none.",
        )
    answers = task.decode(outputs, frames)
    return [
        Explanation(
            image=picture,
            heat=frame.inverse.map(one.cpu().numpy().astype(np.float32), nearest=False, fill=0.0),
            target=named,
            value=float(value),
            answer=answer,
            method=name,
            layer=layer or "",
            says=method.says,
        )
        for picture, one, frame, named, value, answer in zip(
            pictures, heat, frames, aim.names, values, answers, strict=True
        )
    ]


def certify(
    model: nn.Module,
    task: Task,
    images: Images,
    outputs: Any,
    frames: Sequence[Frame],
    question: Question,
) -> Certificate:
    """The certificate of what `explain` would show; arguments and errors as there."""
    with torch.inference_mode(False):
        aim = task.aim(outputs.clone(), question.target, frames)
        name, layer = question.method, question.layer
        if name == AUTO:
            name, layer = _automatic(model, images, aim, layer)
        if METHODS[name].layered and layer is None:
            layer = last_map(model, images, aim.scalar)
        # A class for each image can be planted, whatever class it is; other answers cannot.
        planted = task.probabilities(outputs) is not None and not question.target
        return prove(model, images, name, scalar=None if planted else aim.scalar, layer=layer)


def _unit(model: nn.Module, images: Images, layer: str, unit: int) -> tuple[Unit, Aim]:
    asks = Unit(model, layer)
    with looking(asks), torch.no_grad():
        units = forward(asks, images)
    check_unit(unit, units.shape[1], layer)
    numbers = torch.full((len(images),), unit)

    def scalar(outputs: Tensor) -> Tensor:
        return picked(outputs, numbers)

    return asks, Aim((f"{layer}, unit {unit}",) * len(images), scalar)


def _automatic(
    model: nn.Module, images: Images, aim: Aim, layer: str | None
) -> tuple[str, str | None]:
    """Grad-CAM where there is a map, and otherwise what pixels contribute; occlusion where
    derivatives tell nothing.
    """
    if not getattr(model, "smooth", True):
        return OCCLUSION, None
    first = next(iter(METHODS))
    if layer is not None:
        return first, layer
    try:
        return first, last_map(model, images, aim.scalar)
    except ModelError:
        return PIXELS, None

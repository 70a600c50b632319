"""Targets of explanations: which number of the outputs is asked about, one for each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from vitreous.errors import ShapeError, UsageError
from vitreous.explain.looking import forward, looking
from vitreous.shapes import Images
from vitreous.tasks.aim import picked

Scalar: TypeAlias = Callable[[Any], Tensor]
"""Outputs for a batch, or for the batch R times over, to one number an image, (R · B,)."""

Target: TypeAlias = int | Sequence[int] | Tensor | Scalar | None
"""One class for all images; one for each; a function of the outputs; None is what is answered."""


def scalar_of(model: nn.Module, images: Images, target: Target) -> Scalar:
    """The target as a function of the outputs, fixed by the images as they are.

    Raises UsageError for a class that the network does not have, and where outputs of another
    shape than (B, L) or (B, L, H, W) need a function.
    """
    if callable(target):
        return target
    with looking(model), torch.no_grad():
        outputs = forward(model, images)
    if not isinstance(outputs, Tensor) or outputs.dim() not in (2, 4):
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise UsageError(
            f"outputs {found} are not numbers of classes, (B, L) or (B, L, H, W)",
            where="target",
            remedy="Give a function of the outputs that returns (B,) as the target.",
        )
    count, classes = outputs.shape[:2]
    if target is None:
        scores = outputs if outputs.dim() == 2 else outputs.mean((2, 3))
        numbers = scores.argmax(1)
    else:
        numbers = torch.as_tensor(target, device=outputs.device).long().reshape(-1)
        numbers = numbers.expand(count) if len(numbers) == 1 else numbers
        if len(numbers) != count:
            raise UsageError(
                f"{len(numbers)} targets for {count} images",
                where="target",
                remedy="Give one class, or one for each image.",
            )
        wrong = numbers[(numbers < 0) | (numbers >= classes)]
        if len(wrong):
            raise UsageError(
                f"there is no class {int(wrong[0])}",
                where="target",
                remedy=f"The network has {classes} outputs, counted from 0.",
            )

    def scalar(out: Tensor) -> Tensor:
        return picked(out if out.dim() == 2 else out.mean((2, 3)), numbers)

    return scalar


def asked(outputs: Any, scalar: Scalar, count: int) -> Tensor:
    """(count,) float32 or wider: the number that is asked about, of each row of the outputs."""
    values = scalar(outputs)
    if not isinstance(values, Tensor) or tuple(values.shape) != (count,):
        found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ShapeError(
            f"the target gives {found} where one number an image is needed, ({count},)",
            where="target",
            remedy="Return a tensor with one number for each row of the outputs.",
        )
    return values

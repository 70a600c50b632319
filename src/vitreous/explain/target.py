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


def scalar_of(model: nn.Module, images: Images, target: Target, *, once: bool = False) -> Scalar:
    """The target as a function of the outputs.

    once  the images will be asked about as they are and together; otherwise, where the target is
          what is answered, that is what is answered to these images, whatever is done to them later

    Raises UsageError for targets that are not one for each image; the function does for a class
    that the network does not have, and for outputs that are not (B, L) or (B, L, H, W).
    """
    if callable(target):
        return target
    if target is None:
        if once:
            return lambda outputs: _answered(outputs)[0]
        with looking(model), torch.no_grad():
            _, numbers = _answered(forward(model, images))
    else:
        numbers = torch.as_tensor(target).long().reshape(-1)
        numbers = numbers.expand(len(images)) if len(numbers) == 1 else numbers
        if len(numbers) != len(images):
            raise UsageError(
                f"{len(numbers)} targets for {len(images)} images",
                where="target",
                remedy="Give one class, or one for each image.",
            )
    return lambda outputs: picked(_scores(outputs, numbers), numbers)


def _answered(outputs: Any) -> tuple[Tensor, Tensor]:
    """(B,) the largest score of each image, and its number."""
    scores = _scores(outputs)
    numbers = scores.argmax(1)
    return picked(scores, numbers), numbers


def _scores(outputs: Any, numbers: Tensor | None = None) -> Tensor:
    """(B, L): of outputs for each pixel, their mean."""
    if not isinstance(outputs, Tensor) or outputs.dim() not in (2, 4):
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise UsageError(
            f"outputs {found} are not numbers of classes, (B, L) or (B, L, H, W)",
            where="target",
            remedy="Give a function of the outputs that returns (B,) as the target.",
        )
    if numbers is not None:
        wrong = numbers[(numbers < 0) | (numbers >= outputs.shape[1])]
        if len(wrong):
            raise UsageError(
                f"there is no class {int(wrong[0])}",
                where="target",
                remedy=f"The network has {outputs.shape[1]} outputs, counted from 0.",
            )
    return outputs if outputs.dim() == 2 else outputs.mean((2, 3))


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

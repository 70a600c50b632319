"""Aim: which number of a network's outputs is asked about, when an answer is to be explained.

An explanation needs one number an image, of which it can say what moves it. What that number is
depends on the task: the logit of a class, the score of a class at a pixel, the place of a joint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vitreous.errors import unknown


@dataclass(frozen=True, eq=False)
class Aim:
    """One number for each image of a batch, fixed before anything is changed about the images.

    names   what it is called for each image
    scalar  outputs for the batch, or for the whole batch several times over, to (R · B,)
    """

    names: tuple[str, ...]
    scalar: Callable[[Tensor], Tensor]


def one_of(options: Sequence[str], answered: Tensor, target: str, noun: str) -> Aim:
    """The output of that name, or where no name is given, that which was answered.

    options   names of the outputs (L), in their order
    answered  (B,) numbers of the outputs that the network itself prefers
    target    a name; "" is what was answered

    Raises UsageError that offers the nearest names.
    """
    if target and target not in options:
        raise unknown(noun, target, options, where="target")
    given = torch.full_like(answered, options.index(target)) if target else answered
    return Aim(tuple(options[int(number)] for number in given), lambda out: picked(out, given))


def picked(outputs: Tensor, numbers: Tensor) -> Tensor:
    """(R · B,): of outputs (R · B, L) those with the numbers (B,), over and over."""
    tiled = numbers.to(outputs.device).repeat(len(outputs) // len(numbers))
    return outputs.gather(1, tiled[:, None])[:, 0]


def whole_map(outputs: Tensor, names: Sequence[str], target: str) -> Aim:
    """The mean of a map (B, L, H, W) over its pixels: of the map that is named, or of that with the
    highest mean. Raises UsageError as `one_of` does.
    """
    found = one_of(names, outputs.mean((2, 3)).argmax(1), target, "map")
    return Aim(found.names, lambda out: found.scalar(out.mean((2, 3))))

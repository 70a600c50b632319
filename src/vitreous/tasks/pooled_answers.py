"""Pooling the answers of an ensemble: what several networks give for an image becomes one.

Probabilities and numbers are averaged, each class and each quantity with the one of its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vitreous.errors import UsageError

Pool = Callable[[Sequence[Any]], Any]
"""From the outputs of each member for the same images to outputs that the ensemble's task reads."""


def positions(own: Sequence[str], other: Sequence[str], noun: str) -> list[int]:
    """Where each of the own names stands among the other ones. Raises UsageError where they are not
    the same names.
    """
    if {*own} != {*other}:
        odd = sorted({*own} ^ {*other})
        named = ", ".join(f"'{name}'" for name in odd[:4])
        more = f" and {len(odd) - 4:,} more" if len(odd) > 4 else ""
        raise UsageError(
            f"the members of an ensemble do not know the same {noun} names: not all have "
            f"{named}{more}",
            remedy="Put networks together that were trained on the same question.",
        )
    return [list(other).index(name) for name in own]


def averaged(reads: Sequence[Callable[[Tensor], Tensor]], back: Callable[[Tensor], Tensor]) -> Pool:
    """The mean of what is read from the outputs of each member, as outputs again.

    reads  one a member, from its outputs to what is averaged
    back   from the mean to what the ensemble's task takes for outputs
    """

    def pool(outputs: Sequence[Tensor]) -> Tensor:
        told = [read(each).double().cpu() for read, each in zip(reads, outputs, strict=True)]
        return back(torch.stack(told).mean(0))

    return pool

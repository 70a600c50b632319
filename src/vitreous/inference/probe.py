"""A probe: what a network answers to one made-up image, kept in its model file.

That all tensors have the right names and shapes does not say that a network does the same with
them: those of plain20 fit resnet20, and a network of one's own may have changed since. Who loads it
asks again, and hears the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vitreous.errors import DivergedError
from vitreous.inference.predictor import Predictor
from vitreous.shapes import Images

KEPT = 64  # numbers of an answer, evenly spread over it
TOLERANCE = 0.01
"""Of the largest of them. Other processors and libraries change the fifth digit, formats that GPUs
use on their own account the fourth; another computation, or one that lacks a layer, the first.
"""


def made_up(height: int, width: int, channels: int) -> Images:
    """(1, channels, height, width) in [0, 1]: waves of several lengths, the same on any machine."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = [
        torch.sin(x * (0.11 + 0.37 * (channel % 3)) + channel) + torch.cos(y * 0.23 + x * y * 0.05)
        for channel in range(channels)
    ]
    return (torch.stack(waves)[None] + 2) / 4


def probe(predictor: Predictor) -> list[float] | None:
    """Some numbers of its answer in float32; None where they are not finite."""
    contract = predictor.contract
    try:
        found = replace(predictor, precision="float32").outputs(made_up(*contract.shape))
    except DivergedError:
        return None
    answer = torch.cat([tensor.flatten().double().cpu() for tensor in _tensors(found)])
    places = torch.linspace(0, len(answer) - 1, min(KEPT, len(answer))).round().long()
    return [float(f"{number:.7g}") for number in answer[places].tolist()]


def agrees(expected: Sequence[float], found: Sequence[float] | None) -> bool:
    """Is it the same answer, as far as another machine can give it?"""
    if found is None or len(found) != len(expected):
        return False
    largest = max(map(abs, expected), default=0.0)
    allowed = TOLERANCE * largest + 1e-6
    return all(abs(one - other) <= allowed for one, other in zip(expected, found, strict=True))


def _tensors(outputs: Any) -> Iterator[Tensor]:
    if isinstance(outputs, Tensor):
        yield outputs
        return
    for part in outputs.values() if isinstance(outputs, Mapping) else outputs:
        yield from _tensors(part)

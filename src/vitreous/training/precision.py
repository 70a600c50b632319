"""Mixed precision: number formats of the forward pass.

Half the bits, half the memory traffic: where the processor multiplies bfloat16 fast, large networks
train about twice as fast in it. Small ones gain nothing, because the conversions cost as much as
the products save (benchmarks/precision.py). Weights, gradients and the optimizer stay in float32 in
any case.
Micikevicius et al. (2018), "Mixed precision training", arXiv:1710.03740.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.amp import GradScaler

from vitreous.errors import UsageError, unknown
from vitreous.training.processor import fast_bfloat16, has_bfloat16

if TYPE_CHECKING:
    from vitreous.trace.capture.operations import Operation, Trace

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""The formats by name; None stands for no conversion at all."""

WORTH_BFLOAT16 = 1e6
"""Multiply-accumulates of one example from which on bfloat16 is faster on a CPU, if it ever is."""


@dataclass(frozen=True)
class Precision:
    """One number format on one kind of device, with one code path for all of them.

    name    float32, bfloat16 or float16
    device  cpu, cuda or mps
    scaler  keeps small float16 gradients from vanishing; does nothing in the other formats
    """

    name: str = "float32"
    device: str = "cpu"
    scaler: GradScaler = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.name not in PRECISIONS:
            raise unknown("precision", self.name, PRECISIONS, where="--precision")
        if self.name == "float16" and self.device == "cpu":
            raise UsageError(
                "float16 does not train on a CPU",
                where="--precision",
                remedy="Choose bfloat16 or float32, or leave it to `auto`.",
            )
        enabled = self.name == "float16"
        object.__setattr__(self, "scaler", GradScaler(self.device, enabled=enabled))

    def autocast(self) -> AbstractContextManager[object]:
        """The context of a forward pass."""
        return forward_context(self.name, self.device)


def forward_context(name: str, device: str | torch.device) -> AbstractContextManager[object]:
    """Autocast to the format of that name; for float32 a context that does nothing."""
    dtype = PRECISIONS[name]
    if dtype is None:
        return contextlib.nullcontext()
    return torch.autocast(torch.device(device).type, dtype=dtype)


def widened(outputs: Any) -> Any:
    """At least float32, in which losses are computed: a tensor, or several by name or in a row."""
    if isinstance(outputs, Tensor):
        return outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    if isinstance(outputs, Mapping):
        return {name: widened(output) for name, output in outputs.items()}
    return [widened(output) for output in outputs]


def choose(name: str, device: str | torch.device, macs: float, clock: bool = True) -> Precision:
    """The format that a flag names, or for "auto" the one that is fastest without being worse.

    macs   multiply-accumulates of one example, see `trace.macs`
    clock  may be read, to see whether bfloat16 is fast on this processor; else it is taken to be
           where there are instructions for it

    On a CPU: bfloat16 where it is fast and the network is large enough. On a GPU: bfloat16, or
    float16 before Ampere. On Apple's: float32.
    """
    kind = torch.device(device).type
    if name != "auto":
        return Precision(name, kind)
    if kind == "cuda":
        return Precision("bfloat16" if torch.cuda.is_bf16_supported(False) else "float16", kind)
    worth = kind == "cpu" and macs >= WORTH_BFLOAT16
    half = worth and (fast_bfloat16() if clock else has_bfloat16())
    return Precision("bfloat16" if half else "float32", kind)


def strides_over_points(traced: Trace) -> bool:
    """Does a convolution take steps of 2 or more over maps of one pixel?

    On a CPU, torch's bfloat16 kernel leaves the gradient of such a kernel's outer weights, which
    meet no pixel, as whatever lay in memory (seen in torch 2.13): such a network needs float32.
    """
    return any(map(_strides_over_a_point, traced.operations))


def _strides_over_a_point(operation: Operation) -> bool:
    if operation.name != "convolution":
        return False
    images, kernel, _, stride, _, _, transposed, *_ = operation.arguments
    flat = len(kernel) == 4 and not transposed
    return flat and max(stride) > 1 and math.prod(images[2:]) == 1

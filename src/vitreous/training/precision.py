"""Number formats of the forward pass.

Half the bits, half the memory traffic: where the processor multiplies bfloat16 natively, large
networks train about twice as fast in it. Small ones gain nothing, because the conversions cost as
much as the products save (benchmarks/precision.py). Weights, gradients and the optimizer stay in
float32 in any case.
Micikevicius et al. (2018), "Mixed precision training", arXiv:1710.03740.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from vitreous.blocks.mode import evaluating
from vitreous.errors import UsageError, unknown

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""The formats by name; None stands for no conversion at all."""

WORTH_BFLOAT16 = 5e6
"""Multiply-accumulates of one example above which bfloat16 is faster on a CPU."""


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


def widened(tensor: Tensor) -> Tensor:
    """At least float32, in which losses are computed."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def choose(name: str, device: str | torch.device, macs: float) -> Precision:
    """The format that a flag names, or for "auto" the one that is fastest without being worse.

    macs  multiply-accumulates of one example, see `multiply_accumulates`

    On a CPU: bfloat16 where the processor has instructions for it and the network is large enough.
    On a GPU: bfloat16, or float16 before Ampere. On Apple's: float32. No clock is read, so the
    same network on the same machine always gets the same format.
    """
    kind = torch.device(device).type
    if name != "auto":
        return Precision(name, kind)
    if kind == "cuda":
        return Precision("bfloat16" if torch.cuda.is_bf16_supported(False) else "float16", kind)
    if kind == "cpu" and macs >= WORTH_BFLOAT16 and has_bfloat16():
        return Precision("bfloat16", kind)
    return Precision("float32", kind)


def strides_over_points(model: nn.Module, images: Tensor) -> bool:
    """Does a convolution take steps of 2 or more over maps of one pixel?

    On a CPU, torch's bfloat16 kernel leaves the gradient of such a kernel's outer weights, which
    meet no pixel, as whatever lay in memory (seen in torch 2.13): such a network needs float32.

    images  (B, C, H, W); they are passed through the network once, in evaluation mode
    """
    found: list[bool] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.Conv2d)
        found.append(max(module.stride) > 1 and inputs[0].shape[2:].numel() == 1)

    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        with torch.no_grad(), evaluating(model):
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return any(found)


@cache
def has_bfloat16(processor: Path = Path("/proc/cpuinfo")) -> bool:
    """Does the processor multiply bfloat16 natively? False where the system does not say."""
    try:
        words = set(processor.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def multiply_accumulates(model: nn.Module, images: Tensor) -> float:
    """Multiply-accumulates of convolutions and linear layers for one of the images.

    images  (B, C, H, W); they are passed through the network once, in evaluation mode
    """
    counts: list[int] = []

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        # Each weight of a kernel is used once a position, each weight of a matrix once a token.
        positions = output.shape[1:-1] if isinstance(module, nn.Linear) else output.shape[2:]
        counts.append(weight.numel() * positions.numel())

    layers = [
        m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
    ]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        # Lazy layers make their weights now, which inference mode would not let them train.
        with torch.no_grad(), evaluating(model):
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return float(sum(counts))

"""Weight initialization, as a table: deep networks learn only if signals keep their size.

With n_in inputs a unit, weights of variance v multiply the variance of a signal by n_in·v at each
layer (half of it survives a rectifier), so that depth 50 magnifies any other choice to the 50th
power. Glorot and Bengio (2010); He et al. (2015), arXiv:1502.01852.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from vitreous.errors import unknown

# Standard deviation of a weight with n_in inputs and n_out outputs.
INITIALIZERS: dict[str, Callable[[int, int], float]] = {
    "zero": lambda n_in, n_out: 0.0,  # every unit of a layer stays the same unit for ever
    "normal": lambda n_in, n_out: 0.1,  # N(0, 0.01)
    "xavier": lambda n_in, n_out: math.sqrt(1 / n_in),
    "glorot": lambda n_in, n_out: math.sqrt(2 / (n_in + n_out)),
    "he": lambda n_in, n_out: math.sqrt(2 / n_in),
}


@torch.no_grad()
def initialize(
    model: nn.Module, name: str | None, *, generator: torch.Generator | None = None
) -> None:
    """Draw the weights of every dense and convolutional layer anew, normal, with biases 0.

    name  a row of INITIALIZERS; None leaves the network as its class made it
    """
    if name is None:
        return
    if name not in INITIALIZERS:
        raise unknown("initializer", name, INITIALIZERS)
    for layer in model.modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)):
            n_in, n_out = fans(layer)
            layer.weight.normal_(0, INITIALIZERS[name](n_in, n_out), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()


def fans(layer: nn.Linear | nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int]:
    """How many inputs reach one output, and how many outputs one input reaches (stride 1)."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    window = math.prod(layer.kernel_size)
    return (
        layer.in_channels // layer.groups * window,
        layer.out_channels // layer.groups * window,
    )


@torch.no_grad()
def he_convolutions(model: nn.Module, keep: Literal["signals", "gradients"] = "gradients") -> None:
    """He's initialization of all convolutions, with biases 0.

    keep  the size of what is kept through the layers: N(0, 2 / n_in) keeps that of signals, which
          networks without batch norm need; N(0, 2 / n_out) that of gradients
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            n_in, n_out = fans(layer)
            layer.weight.normal_(0, math.sqrt(2 / (n_in if keep == "signals" else n_out)))
            if layer.bias is not None:
                layer.bias.zero_()


class Unfilled(TorchFunctionMode):
    """Within the block nothing is drawn into the weights of a new network, which are replaced by
    others: they hold whatever lies in memory.
    """

    DRAWING = ("normal", "uniform", "trunc_normal", "kaiming", "xavier", "orthogonal")

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = getattr(function, "__name__", "")
        if name.endswith("_") and name.startswith(self.DRAWING):
            tensor = args[0] if args else kwargs["tensor"]
            # Whoever draws again what lies too far out, as trunc_normal_, has to come to an end.
            if name == "normal_":
                tensor.detach().zero_()
            return tensor
        return function(*args, **(kwargs or {}))


@contextmanager
def without_weights() -> Iterator[None]:
    """Within the block new networks have shapes and no memory (torch's "meta"). Nothing is drawn:
    torch would load its compiler for it, which takes a second.
    """
    with torch.device("meta"), Unfilled():
        yield

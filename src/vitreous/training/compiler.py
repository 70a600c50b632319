"""A network compiled by torch: its forward and backward pass become a few kernels for this machine.

Compiling takes up to minutes and pays on large networks, on GPUs above all. The network itself
stays as it is, so its weights keep their names, and what is measured and saved is never the
compiled one. What cannot be compiled is an error, and nothing goes on uncompiled in silence.
Ansel et al. (2024), "PyTorch 2: faster machine learning through dynamic Python bytecode
transformation and graph compilation".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from vitreous.errors import UsageError


def compiled(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The network's forward pass, compiled for each shape of images when it comes first; pass it
    to `fit` as `call`.

    Kernels are made for one shape each, so that a resumed run, which may meet the shapes in another
    order, gets the same kernels and the same bits. Calling it raises UsageError for a network that
    torch cannot compile as a whole.
    """
    # What was exported or compiled before may have marked functions as not to be compiled.
    torch.compiler.reset()
    made = torch.compile(network, dynamic=False, fullgraph=True)

    def call(images: Tensor) -> Tensor:
        try:
            outputs: Tensor = made(images)
        except RuntimeError as error:
            kind = type(error).__module__
            compiling = kind.startswith(("torch._dynamo", "torch._inductor"))
            if not compiling and not str(error).startswith("torch.compile"):
                raise
            raise UsageError(
                f"torch cannot compile this network: {first_line(error)}",
                where="--compile",
                remedy="Leave it out.",
            ) from error
        return outputs

    return call


@cache
def check_compiler(device: str) -> None:
    """Compile the smallest of functions. Raises UsageError where that does not work."""
    try:
        torch.compile(double)(torch.ones(2, device=device))
    except Exception as error:  # what is missing decides who complains
        raise UsageError(
            f"torch cannot compile for {device} here: {first_line(error)}",
            where="--compile",
            remedy="Install a C++ compiler (g++ or clang) and Python's headers, or leave it out.",
        ) from error


def double(values: Tensor) -> Tensor:
    return values * 2


def first_line(error: Exception) -> str:
    """The first line of a message that may have pages."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)

"""What has no hand-written derivative is refused, with the reason."""

from __future__ import annotations

from torch import nn

from vitreous.errors import ModelError


def unsupported(what: str, why: str) -> ModelError:
    return ModelError(
        f"{what} has no hand-written derivative: {why}",
        remedy="Train this network with autograd, the default engine.",
    )


def require(condition: bool, module: nn.Module, why: str) -> None:
    if not condition:
        raise unsupported(repr(module), why)

"""A network that was looked at in evaluation mode is in the mode that it was found in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn

from vitreous.blocks.mode import evaluating
from vitreous.models import create, freeze


def training() -> nn.Module:
    return create("resnet20").train()


def partly_evaluating() -> nn.Module:
    model = training()
    model.get_submodule("layer1").eval()
    return model


def inside_another() -> nn.Module:
    model = nn.Sequential(create("convnet"), nn.Dropout()).eval()
    model[0].train()
    return model


def frozen() -> nn.Module:
    model = create("resnet20").train()
    freeze(model)
    return model


def state(model: nn.Module) -> list[tuple[bool, bool | None]]:
    """Of each module: is it training, and does it work in place?"""
    return [(m.training, getattr(m, "inplace", None)) for m in model.modules()]


@pytest.mark.parametrize("make", [training, partly_evaluating, inside_another, frozen])
def test_every_module_comes_back(make: Callable[[], nn.Module]) -> None:
    model = make()
    before = state(model)
    with evaluating(model):
        assert not any(m.training or getattr(m, "inplace", False) for m in model.modules())
    assert state(model) == before
    with pytest.raises(RuntimeError), evaluating(model):
        raise RuntimeError
    assert state(model) == before

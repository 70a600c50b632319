"""Recording outputs and gradients by name, without leaving a trace."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vitreous.errors import UsageError
from vitreous.trace.capture.record import record


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 2, 3),
            act=nn.ReLU(inplace=True),
            flatten=nn.Flatten(),
            head=nn.Linear(32, 3),
        )
    )


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_outputs_by_name_in_order() -> None:
    model, images = small(), torch.randn(2, 1, 6, 6)
    with record(model) as maps:
        logits = model(images)
    assert list(maps) == ["conv", "act", "flatten", "head", ""]
    assert_close(maps["head"], logits.detach())
    assert not maps["head"].requires_grad
    with record(model, ["act"]) as maps:
        model(images)
    assert list(maps) == ["act"]
    assert hooks(model) == 0


def test_an_activation_in_place_does_not_change_what_was_recorded_before_it() -> None:
    model, images = small(), torch.randn(2, 1, 6, 6)
    with record(model, ["conv", "act"], gradients=True) as maps:
        model(images).sum().backward()
    expected = nn.functional.conv2d(images, model.conv.weight, model.conv.bias)  # type: ignore[arg-type]
    assert_close(maps["conv"], expected.detach())
    assert float(maps["conv"].min()) < 0
    assert_close(maps["act"], expected.relu().detach())
    passed = (expected > 0) * maps.gradients["act"]
    assert_close(maps.gradients["conv"], passed)


def test_gradients_are_autograds() -> None:
    model, images = small(), torch.randn(2, 1, 6, 6)
    with record(model, ["flatten"], gradients=True) as maps:
        model(images)[:, 1].sum().backward()
    assert_close(maps.gradients["flatten"], model.head.weight[1].detach().expand(2, -1))  # type: ignore[index]


def test_a_frozen_network_passes_gradients_on() -> None:
    model = small().requires_grad_(False)
    with record(model, ["conv", "act"], gradients=True) as maps:
        model(torch.randn(2, 1, 6, 6)).sum().backward()
    assert maps.gradients["act"].shape == maps["act"].shape
    assert all(p.grad is None for p in model.parameters())


def test_a_module_used_twice_is_recorded_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)
            self.alias = self.layer

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            y = self.layer(x)
            return {"once": y, "twice": self.alias(y)}

    model = Twice()
    with record(model, gradients=True) as maps:
        result = model(torch.randn(2, 3))
        result["twice"].sum().backward()
    assert set(maps) == {"layer", "layer#2", "[once]", "[twice]"}
    assert_close(maps["layer#2"], result["twice"].detach())
    assert_close(maps["layer"], maps["[once]"])
    assert_close(maps.gradients["layer#2"], torch.ones(2, 3))
    assert_close(maps.gradients["layer"], model.layer.weight.detach().sum(0).expand(2, -1))


def test_hooks_go_also_after_an_exception() -> None:
    model = small()
    with pytest.raises(RuntimeError, match="cannot be multiplied"), record(model, gradients=True):
        model(torch.randn(2, 1, 6, 6))
        model(torch.randn(2, 1, 7, 7))
    assert hooks(model) == 0
    with pytest.raises(KeyError), record(model, ["conv"]):
        raise KeyError
    assert hooks(model) == 0


def test_the_network_computes_the_same_while_it_is_recorded() -> None:
    model, images = small(), torch.randn(2, 1, 6, 6)
    expected = model(images)
    expected.sum().backward()
    gradients = [p.grad.clone() for p in model.parameters()]  # type: ignore[union-attr]
    model.zero_grad()
    with record(model, gradients=True):
        found = model(images)
        found.sum().backward()
    assert_close(found, expected, rtol=0, atol=0)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert parameter.grad is not None
        assert_close(parameter.grad, gradient, rtol=0, atol=0)


def test_errors_name_what_would_work() -> None:
    with (
        pytest.raises(UsageError, match="unknown layer 'conv1'") as raised,
        record(small(), ["conv1"]),
    ):
        pass
    assert raised.value.remedy == "Did you mean conv?"
    model = small()
    with torch.no_grad(), record(model, gradients=True):  # noqa: SIM117
        with pytest.raises(UsageError, match="autograd is switched off"):
            model(torch.randn(1, 1, 6, 6))
    assert hooks(model) == 0

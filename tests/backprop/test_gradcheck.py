"""The gradient check finds what is wrong, names it, and does not cry wolf."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitreous.backprop.gradcheck import check
from vitreous.backprop.layers import Layer, Linear
from vitreous.errors import UsageError


class Half(torch.autograd.Function):
    """The square, with a derivative that forgot the 2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        result: Tensor = gradient * x
        return result


class Wrong(nn.Module):
    """Right by its weight; by its bias only one entry is wrong; by its scale nothing arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4))
        self.bias = nn.Parameter(torch.randn(3))
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        bias = torch.cat([self.bias[:1], Half.apply(self.bias[1:2]), self.bias[2:]])  # type: ignore[no-untyped-call]
        return (x @ self.weight.T + bias) * self.scale.detach()


def test_it_names_what_is_wrong_where_and_by_how_much() -> None:
    torch.manual_seed(0)
    module = Wrong()
    report = check(module, torch.randn(5, 4))
    assert not report.right
    assert report.wrong == ("bias", "scale")
    named = {finding.name: finding for finding in report.findings}
    assert named["bias"].index == (1,)
    assert named["bias"].wrong == 1
    assert named["bias"].numeric == pytest.approx(2 * named["bias"].gradient, rel=1e-6)
    assert named["scale"].gradient == 0
    assert named["weight"].error < 1e-8
    assert "WRONG  bias (3,): 3 entries, 1 wrong; at [1]" in str(report)
    assert report.to_json()["findings"][1]["right"]
    assert module.weight.dtype == torch.float32
    assert module.weight.grad is None


def test_right_modules_pass() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(48, 2),
    )
    images = torch.rand(4, 2, 6, 6).contiguous(memory_format=torch.channels_last)
    statistics = module[1].running_mean.clone()  # type: ignore[operator, union-attr]
    report = check(module, images, entries=20)
    assert report.right, str(report)
    assert torch.equal(module[1].running_mean, statistics)  # type: ignore[arg-type]


def test_a_kink_is_no_mistake() -> None:
    report = check(torch.relu, torch.tensor([0.0, -1.0, 2.0]))
    assert report.right
    assert report.findings[0].kinks == 1
    assert "1 at a kink" in str(report)


class BadReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


def test_a_wrong_slope_at_a_kink_is_one() -> None:
    report = check(BadReLU.apply, torch.tensor([0.0, 3.0]))  # type: ignore[no-untyped-call]
    assert report.findings[0].wrong == 2


def test_tiny_gradients_are_compared_at_their_own_scale() -> None:
    report = check(lambda x: 1e-5 * Half.apply(x), torch.tensor([1.0, 2.0]))  # type: ignore[no-untyped-call]
    assert report.wrong == ("input 0",)


class Slip(Linear):
    """A hand-written layer whose input gradient forgot to sum over the batch."""

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        right = super().parameter_gradients(gradient)
        return right | {"bias": right["bias"] / len(gradient)}


def test_layers_by_hand_are_checked_by_their_own_backward() -> None:
    weight = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    report = check(Slip(weight, torch.zeros(2)), torch.ones(4, 3))
    assert report.wrong == ("bias",)
    assert check(Linear(weight, torch.zeros(2)), torch.ones(4, 3)).right
    assert weight.dtype == torch.float32


def test_several_inputs_and_outputs() -> None:
    def function(x: Tensor, labels: Tensor, scale: float, y: Tensor) -> dict[str, Any]:
        return {"a": x[labels] * scale, "b": [y.sum(), labels]}

    report = check(function, (torch.ones(3), torch.tensor([0, 0, 2]), 2.5, torch.zeros(2, 2)))
    assert [finding.name for finding in report.findings] == ["input 0", "input 3"]
    assert report.right


def test_not_a_number_is_wrong() -> None:
    report = check(torch.sqrt, torch.tensor([-1.0]))
    assert report.findings[0].wrong == 1


def test_only_some_entries_of_a_large_tensor_are_tried() -> None:
    report = check(nn.Linear(50, 40), torch.randn(1, 50), entries=7)
    assert [finding.checked for finding in report.findings] == [7, 7, 7]


def test_errors() -> None:
    with pytest.raises(UsageError, match="nothing to differentiate"):
        check(lambda x: x, torch.tensor([1, 2]))
    single = torch.ones(2, 2)
    with pytest.raises(UsageError, match="float64"):
        check(lambda x: x @ single, torch.ones(2, 2))
    assert isinstance(Slip(single), Layer)

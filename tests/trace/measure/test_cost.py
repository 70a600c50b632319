"""Costs against closed forms and published figures; tests/golden/test_macs.py has torchvision's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vitreous.errors import ShapeError
from vitreous.models import create
from vitreous.trace.capture.operations import trace
from vitreous.trace.measure.cost import macs, parameters, total

MIB = 1 << 20


@pytest.mark.parametrize("in_place", [False, True])
def test_vgg16_in_figures_and_in_no_time(in_place: bool) -> None:
    with torch.device("meta"):  # its 553 MB are never allocated
        model = create("vgg16")
    for layer in model.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = in_place
    assert parameters(model) == 138_357_544
    assert macs(model, (3, 224, 224)) == 15_470_264_320
    memory = total(trace(model, (3, 224, 224)))
    assert round(memory.memory_in_place / MIB, 1) == 58.1
    assert round(memory.memory / MIB, 1) == 109.8


def test_alexnets_fifth_layer_has_149_520_384_connections() -> None:
    conv5 = nn.Conv2d(384, 256, 3, padding=1)
    assert parameters(nn.Conv2d(384, 256, 3, bias=False)) == 884_736
    assert parameters(conv5) == 884_992
    assert macs(conv5, (384, 13, 13)) == 149_520_384
    output = trace(conv5, (384, 13, 13)).output
    assert output is not None
    assert output[1] == (1, 256, 13, 13)


def test_closed_forms_of_single_layers() -> None:
    assert macs(nn.Linear(784, 300), (784,)) == 784 * 300
    assert macs(nn.Linear(8, 5, bias=False), (7, 8)) == 7 * 8 * 5
    grouped = nn.Conv2d(8, 12, (3, 5), stride=2, groups=4)
    assert macs(grouped, (8, 17, 19)) == 12 * 8 * 8 * (2 * 3 * 5)
    transposed = nn.ConvTranspose2d(6, 4, 3, stride=2)
    assert macs(transposed, (6, 5, 5)) == 6 * 25 * (4 * 9)
    attention = nn.MultiheadAttention(16, 4, batch_first=True)

    class SelfAttention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = attention

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.attention(x, x, x)[0]
            return out

    tokens, width = 10, 16
    assert macs(SelfAttention(), (10, 16)) == 4 * tokens * width**2 + 2 * tokens**2 * width


def test_functions_without_a_module_are_counted_too() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.zeros(4, 3, 3, 3))
            self.tied = nn.Linear(5, 5, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            x = nn.functional.conv2d(x, self.kernel)
            x = x @ x.mT
            return self.tied(self.tied(x))  # type: ignore[no-any-return]

    assert macs(Functional(), (3, 7, 9)) == 4 * 5 * 7 * 27 + 4 * 5 * 5 * 7 + 2 * 4 * 5 * 5 * 5
    assert parameters(Functional()) == 108 + 25


def test_code_that_looks_at_the_numbers_is_run_for_real() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.small, self.large = nn.Linear(4, 1), nn.Linear(4, 9)

        def forward(self, x: Tensor) -> Tensor:
            layer = self.large if float(x.sum()) == 0 else self.small
            return layer(x)  # type: ignore[no-any-return]

    assert macs(Branching(), (4,)) == 36


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten())
    model[2].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    macs(model, (3, 8, 8))
    with pytest.raises(ShapeError, match=r"cannot take an input of shape \(5, 8, 8\)"):
        macs(model, (5, 8, 8))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [module.training for module in model] == [True, True, False, True]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(p.device.type == "cpu" for p in model.parameters())


def test_modules_and_weights_that_are_shared_come_back_whole() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
            self.two.weight = self.one.weight
            self.again = self.one

        def forward(self, x: Tensor) -> Tensor:
            return self.again(self.two(self.one(x)))  # type: ignore[no-any-return]

    model = Tied()
    before = [p.clone() for p in model.parameters()]
    assert macs(model, (4,)) == 48
    for parameter, value in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
    assert model.two.weight is model.one.weight
    assert parameters(model) == 24


def test_frozen_parameters_can_be_left_out() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert parameters(model) == 26
    assert parameters(model, trainable=True) == 10

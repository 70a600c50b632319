import math

import pytest
import torch
from torch import nn

from vitreous.blocks.init import INITIALIZERS, fans, he_convolutions, initialize
from vitreous.errors import UsageError
from vitreous.models.mlp import perceptron


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("zero", 0.0),
        ("normal", 0.01),
        ("xavier", 1 / 400),
        ("glorot", 2 / (400 + 300)),
        ("he", 2 / 400),
    ],
)
def test_variance(name: str, variance: float) -> None:
    layer = nn.Linear(400, 300)
    initialize(layer, name, generator=torch.Generator().manual_seed(0))
    assert layer.weight.var().item() == pytest.approx(variance, rel=0.02)
    assert not layer.bias.any()


def test_fans_of_a_convolution() -> None:
    assert fans(nn.Conv2d(6, 8, 5)) == (150, 200)
    assert fans(nn.Conv2d(6, 6, 3, groups=6)) == (9, 9)


@pytest.mark.parametrize(
    ("name", "act", "ratio"),
    [
        ("xavier", "linear", 1.0),
        ("glorot", "linear", 1.0),
        ("he", "relu", 1.0),
        ("xavier", "relu", 2.0**-49),
        ("he", "linear", 2.0**49),
    ],
)
def test_signal_through_fifty_layers(name: str, act: str, ratio: float) -> None:
    """The right pair keeps the variance; the wrong one loses or doubles it at every layer."""
    torch.manual_seed(0)
    model = perceptron(*[512] * 51, 1, act=act)
    initialize(model, name, generator=torch.Generator().manual_seed(0))
    x = torch.randn(256, 512)
    squares = []
    with torch.no_grad():
        for layer in model[:50]:
            x = layer(x)
            squares.append(x.square().mean().item())
    assert math.log2(squares[-1] / squares[0] / ratio) == pytest.approx(0, abs=1)


def test_zero_weights_never_learn() -> None:
    model = perceptron(2, 5, 5, 1, act="tanh")
    initialize(model, "zero")
    model(torch.rand(8, 2)).sum().backward()
    hidden = [layer.linear.weight for layer in model[:-1]]  # type: ignore[union-attr]
    assert all(not weight.grad.any() for weight in hidden)


def test_none_is_the_networks_own_choice() -> None:
    layer = nn.Linear(3, 3)
    before = layer.weight.clone()
    initialize(layer, None)
    assert torch.equal(layer.weight, before)


def test_he_keeps_signals_or_gradients() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 128, 3)
    he_convolutions(conv, keep="signals")
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.02)
    he_convolutions(conv, keep="gradients")
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.02)
    assert conv.bias is not None
    assert not conv.bias.any()


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match="unknown initializer"):
        initialize(nn.Linear(1, 1), "her")
    assert "he" in INITIALIZERS

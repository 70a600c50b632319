import math

import numpy as np
import pytest
import torch
from torch import nn

from vitreous.blocks.activation import ACTIVATIONS, activation
from vitreous.blocks.init import (
    INITIALIZERS,
    Unfilled,
    fans,
    he_convolutions,
    initialize,
    without_weights,
)
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


# How much variance is left: from layer to layer, by theory.

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)
LAYERS, WIDTH = 50, 512


def moments(act: str, spread: float) -> tuple[float, float]:
    """Mean and mean square of an activation whose input is N(0, spread), by quadrature."""
    points = torch.from_numpy(NODES) * math.sqrt(spread)
    with torch.no_grad():
        values = activation(act).double()(points).numpy()
    share = WEIGHTS / WEIGHTS.sum()
    return float(share @ values), float(share @ values**2)


def expected_ratio(name: str, act: str) -> float:
    """Variance of the activations in layer 50 over that in layer 1, for infinitely wide layers.

    An input of a unit is a sum of many terms, so normal, with n_in times the variance of a weight
    times the mean square before it. Poole et al. (2016), arXiv:1606.05340.
    """
    gain = WIDTH * INITIALIZERS[name](WIDTH, WIDTH) ** 2
    square, variances = 1.0, []
    for _ in range(LAYERS):
        mean, square = moments(act, gain * square)
        variances.append(square - mean**2)
    return variances[-1] / variances[0]


def measured_ratios(name: str) -> dict[str, float]:
    """The same of drawn networks, for each activation: averages over four networks."""
    generator = torch.Generator().manual_seed(0)
    layers = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))
    variances = {act: torch.zeros(LAYERS, dtype=torch.float64) for act in ACTIVATIONS}
    for _ in range(4):
        initialize(layers, name, generator=generator)
        inputs = torch.randn(32, WIDTH, generator=generator)
        with torch.no_grad():
            for act, found in variances.items():
                x, bend = inputs, activation(act)
                for depth, layer in enumerate(layers):
                    x = bend(layer(x))
                    found[depth] += x.double().var()
    return {act: (found[-1] / found[0]).item() for act, found in variances.items()}


# The pairs that are made for each other: after 50 layers a signal is as large as after the first.
RIGHT = {("xavier", "linear"), ("glorot", "linear"), ("he", "relu"), ("he", "leaky_relu")}
# A balance that tips over: how far a network of finite width has come by then is left to chance.
TIPPING = {("he", "gelu")}


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "zero"])
def test_variance_through_fifty_layers(name: str) -> None:
    """As theory has it with every activation; within a factor of two for the right pairs."""
    for act, ratio in measured_ratios(name).items():
        expected = expected_ratio(name, act)
        if (name, act) in TIPPING:
            assert max(ratio, expected) < 1e-6
        else:
            assert math.log2(ratio / expected) == pytest.approx(0, abs=1), act
        if (name, act) in RIGHT:
            assert 0.5 <= ratio <= 2, act


@pytest.mark.parametrize(
    ("name", "act", "ratio"),
    [("xavier", "relu", 2.0**-49), ("he", "linear", 2.0**49), ("he", "relu", 1.0)],
)
def test_theory_knows_the_closed_forms(name: str, act: str, ratio: float) -> None:
    """Half of a signal survives a rectifier: the wrong pair loses or doubles it at each layer."""
    assert expected_ratio(name, act) == pytest.approx(ratio, rel=1e-6)


def learned(name: str, act: str, steps: int) -> list[nn.Linear]:
    """The dense layers of a network of three layers after some steps on random targets."""
    generator = torch.Generator().manual_seed(0)
    model = perceptron(3, 5, 4, 2, act=act).double()
    initialize(model, name, generator=generator)
    x = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    targets = torch.randn(8, 2, generator=generator, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), targets).backward()
        optimizer.step()
    return [layer for layer in model.modules() if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_zero_weights_give_no_gradient(act: str) -> None:
    """Nothing flows back through a weight of 0; the last layer hears the same of all units."""
    *hidden, last = learned("zero", act, 1)
    for layer in hidden:
        assert layer.weight.grad is not None
        assert layer.bias.grad is not None
        assert not layer.weight.grad.any()
        assert not layer.bias.grad.any()
    assert last.weight.grad is not None
    assert torch.equal(last.weight.grad, last.weight.grad[:, :1].expand(-1, 4))
    at_zero = activation(act).double()(torch.zeros(1, dtype=torch.float64))
    assert last.weight.grad.any() == at_zero.any()
    assert last.bias.grad is not None
    assert last.bias.grad.any()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_zero_weights_stay_symmetric(act: str) -> None:
    """After any number of steps every unit of a layer is the same unit; drawn ones differ."""
    hidden = learned("zero", act, 30)[:-1]
    for layer in hidden:
        torch.testing.assert_close(
            layer.weight, layer.weight[:1].expand_as(layer.weight), rtol=0, atol=1e-12
        )
    if not activation(act).double()(torch.zeros(1, dtype=torch.float64)).any():
        assert not any(layer.weight.any() for layer in hidden)  # nothing but the last bias learns
    for name in INITIALIZERS:
        if name != "zero":
            assert (learned(name, act, 30)[0].weight.std(0) > 1e-3).all()


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


def test_nothing_is_drawn_where_weights_are_replaced() -> None:
    before = torch.get_rng_state()
    with Unfilled():
        layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
        he_convolutions(layers)
        nn.init.trunc_normal_(layers[2].weight)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(layers[1].weight, torch.ones(4))  # what is not drawn is set
    assert torch.equal(layers[1].running_var, torch.ones(4))
    with without_weights():
        assert nn.Linear(4, 2).weight.is_meta
    assert nn.Linear(400, 2).weight.std() > 0.01

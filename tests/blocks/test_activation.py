import pytest
import torch
from torch import nn

from vitreous.blocks.activation import ACTIVATIONS, activation
from vitreous.errors import UsageError

KINKS = torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0, 6.0], dtype=torch.float64)


@pytest.fixture
def points() -> torch.Tensor:
    """Away from the kinks of all rows."""
    x = torch.linspace(-8, 8, 801, dtype=torch.float64)
    return x[(x[:, None] - KINKS).abs().min(1).values > 0.01]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_against_finite_differences(name: str, points: torch.Tensor) -> None:
    row, layer = ACTIVATIONS[name], activation(name).double()
    step = 1e-6
    with torch.no_grad():
        slope = (layer(points + step / 2) - layer(points - step / 2)) / step
    torch.testing.assert_close(row.derivative(points), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_against_autograd(name: str, points: torch.Tensor) -> None:
    x = points.clone().requires_grad_()
    y = activation(name).double()(x)
    slope = torch.autograd.grad(y.sum(), x)[0]
    torch.testing.assert_close(ACTIVATIONS[name].derivative(points), slope)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_range(name: str, points: torch.Tensor) -> None:
    """Values stay within the stated range, and come near its finite ends."""
    row = ACTIVATIONS[name]
    with torch.no_grad():
        y = activation(name).double()(torch.cat([5 * points, points]))
    assert row.low - 1e-4 <= y.min() < row.low + 0.01 or row.low == -torch.inf
    assert row.high - 0.01 < y.max() <= row.high + 1e-4 or row.high == torch.inf


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_input_is_left_as_it_was(name: str) -> None:
    x = torch.linspace(-2, 2, 9)
    kept = x.clone()
    activation(name)(x)
    assert torch.equal(x, kept)


def test_closed_forms() -> None:
    at = torch.tensor([-1.0, 0.0, 1.0])
    expected = {
        "step": [0.0, 0.5, 1.0],
        "sign": [-1.0, 0.0, 1.0],
        "linear": [-1.0, 0.0, 1.0],
        "piecewise_linear": [0.0, 0.5, 1.0],
        "logistic": [1 / (1 + 2.718281828), 0.5, 1 / (1 + 1 / 2.718281828)],
        "relu": [0.0, 0.0, 1.0],
        "leaky_relu": [-0.01, 0.0, 1.0],
        "elu": [1 / 2.718281828 - 1, 0.0, 1.0],
        "softplus": [0.3132617, 0.6931472, 1.3132617],
        "scaled_tanh": [-1.0, 0.0, 1.0],
    }
    for name, values in expected.items():
        torch.testing.assert_close(activation(name)(at), torch.tensor(values), rtol=1e-4, atol=1e-4)


def test_slope_of_the_logistic_function_is_at_most_a_quarter() -> None:
    slopes = ACTIVATIONS["logistic"].derivative(torch.linspace(-5, 5, 1001))
    assert slopes.max() == 0.25


def test_leaky_rectifier_is_continuous() -> None:
    near = activation("leaky_relu")(torch.tensor([-1e-7, 1e-7]))
    assert (near[1] - near[0]).abs() < 1e-6


def test_rectifier_scales_with_positive_factors_only() -> None:
    """max(0, a x) = a max(0, x) for a > 0; for a < 0 the other half of the axis is let through."""
    x, rectify = torch.linspace(-2, 2, 9), activation("relu")
    for a in (0.5, 3.0):
        assert torch.equal(rectify(a * x), a * rectify(x))
    for a in (-0.5, -3.0):
        assert torch.equal(rectify(a * x), -a * rectify(-x))
        assert not torch.equal(rectify(a * x), a * rectify(x))


def test_prelu_learns_its_slope() -> None:
    layer = activation("prelu")
    assert isinstance(layer, nn.PReLU)
    layer(torch.tensor([-2.0])).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.item() == -2.0


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match="unknown activation 'rellu'") as error:
        activation("rellu")
    assert "relu" in str(error.value.remedy)

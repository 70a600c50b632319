"""Slices of the loss against networks that are moved by hand, and against a closed form."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vitreous.explain.landscape import loss_slice, random_direction, slice_rows

STEPS = torch.linspace(-1, 1, 5)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Linear(4 * 4 * 4, 3)).double()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(6, 2, 6, 6, generator=generator(1), dtype=torch.float64)


def squared(outputs: Tensor) -> Tensor:
    return (outputs - 1).square().mean()


def test_directions_have_the_length_of_each_unit(network: nn.Sequential) -> None:
    direction = random_direction(network, generator())
    assert set(direction) == {name for name, _ in network.named_parameters()}
    for name, weight in network.named_parameters():
        if weight.dim() < 2:
            assert not direction[name].any()
        else:
            lengths = direction[name].flatten(1).norm(dim=1)
            assert_close(lengths, weight.detach().flatten(1).norm(dim=1))


def test_a_seed_is_a_direction(network: nn.Sequential) -> None:
    one, two, three = (random_direction(network, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(one["0.weight"], two["0.weight"])
    assert not torch.equal(one["0.weight"], three["0.weight"])


def test_a_unit_without_weights_does_not_move(network: nn.Sequential) -> None:
    with torch.no_grad():
        network[0].weight[2] = 0
    assert not random_direction(network, generator())["0.weight"][2].any()


def test_every_point_is_the_loss_of_a_network_that_was_moved(
    network: nn.Sequential, images: Tensor
) -> None:
    across, along = (random_direction(network, generator(seed)) for seed in (0, 1))
    found = loss_slice(network, images, squared, across, along, STEPS)
    assert found.shape == (5, 5)
    for i, b in enumerate(STEPS.tolist()):
        for j, a in enumerate(STEPS.tolist()):
            moved = copy.deepcopy(network).eval()
            with torch.no_grad():
                for name, weight in moved.named_parameters():
                    weight += a * across[name] + b * along[name]
                assert_close(found[i, j], squared(moved(images)))


def test_the_middle_is_the_present_loss(network: nn.Sequential, images: Tensor) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    across, along = (random_direction(network, generator(seed)) for seed in (0, 1))
    found = loss_slice(network, images, squared, across, along, STEPS)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        assert_close(found[2, 2], squared(network.eval()(images)), rtol=1e-12, atol=1e-12)


def test_a_quadratic_has_a_closed_form() -> None:
    """One weight w = 2 on the input 1: L(a, b) = (2 + a d + b e - 1)², and d, e are ±2."""
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(model.weight, 2.0)
    across, along = (random_direction(model, generator(seed)) for seed in (0, 1))
    d, e = float(across["weight"]), float(along["weight"])
    assert abs(d) == abs(e) == 2
    found = loss_slice(model, torch.ones(1, 1).double(), squared, across, along, STEPS)
    expected = (1 + STEPS[None, :].double() * d + STEPS[:, None].double() * e) ** 2
    assert_close(found, expected)


def test_rows_are_of_one_moment(network: nn.Sequential, images: Tensor) -> None:
    across, along = (random_direction(network, generator(seed)) for seed in (0, 1))
    expected = loss_slice(network, images, squared, across, along, STEPS)
    rows = slice_rows(network, images, squared, across, along, STEPS)
    found = [next(rows)]
    with torch.no_grad():
        network[5].weight.mul_(3)  # training goes on meanwhile
    assert_close(torch.stack([*found, *rows]), expected)

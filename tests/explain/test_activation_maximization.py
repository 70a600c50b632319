"""Images that excite a unit: what is sought, how it is written, how it is moved."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vitreous.errors import UsageError
from vitreous.explain.activation_maximization import maximize, maximized_plate
from vitreous.explain.objective import answer, channel, neuron, objective_of
from vitreous.explain.parametrization import COLORS, PARAMETRIZATIONS
from vitreous.explain.wobble import WOBBLES

SHAPE = (3, 12, 10)


def first(outputs: Tensor) -> Tensor:
    return outputs[:, 0]


@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_of_a_linear_network_it_is_bright_where_the_weight_is_positive(name: str) -> None:
    """In pixels exactly; in other coordinates where that is what photos may be like."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(360, 2))
    found = maximize(
        model, SHAPE, answer(first), parametrization=name, transform="none", steps=80, rate=1.0
    )
    wanted = model[1].weight[0].reshape(SHAPE) > 0
    right = ((found.images[0] > 0.5) == wanted).float().mean()
    assert right == 1 if name == "pixels" else right > 0.8
    assert found.after[0] > found.before[0] + 1
    torch.testing.assert_close(found.after, first(model(found.images)).detach())


def test_images_are_sought_apart() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    both = maximize(model, SHAPE, channel("1", 2), count=2, steps=5)
    alone = maximize(model, SHAPE, channel("1", 2), count=1, steps=5)
    torch.testing.assert_close(both.images[:1], alone.images, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(both.images[0], both.images[1], atol=1e-2)
    plate = maximized_plate(both, "unit", "unit 2")
    assert plate.facts["after"][0] > plate.facts["before"][0]
    assert plate.pictures[0].pixels.shape == (12, 10, 3)


def test_noise_is_like_photos_in_brightness_and_color() -> None:
    """Coefficients of variance 1 are pixels of variance 1, whose amplitudes fall with 1/f."""
    size = (64, 48)
    for name, row in PARAMETRIZATIONS.items():
        numbers = row.start((24, 3, *size), seed=1)
        images = torch.logit(row.images(numbers.double(), size)) / 0.05
        assert images.var(dim=(0, 1, 2, 3)) == pytest.approx(1, abs=0.2), name
        if row.decorrelated:
            colors = images.transpose(0, 1).flatten(1)
            expected = (COLORS @ COLORS.T).double()
            torch.testing.assert_close(
                colors @ colors.T / colors.shape[1], expected, rtol=0.2, atol=0.1
            )
        if row.frequencies:
            power = torch.fft.rfft2(images).abs().square().mean((0, 1))
            assert power[0, 2] / power[0, 8] == pytest.approx(16, rel=0.4)


def test_a_transform_moves_and_none_does_not() -> None:
    images = torch.rand(2, 3, 16, 16)
    generator = torch.Generator().manual_seed(0)
    assert WOBBLES["none"](images, generator) is images
    moved = WOBBLES["robust"](images, generator)
    assert moved.shape == images.shape
    assert not torch.allclose(moved, images, atol=0.05)
    flat = torch.full((1, 1, 16, 16), 0.3)
    torch.testing.assert_close(WOBBLES["robust"](flat, generator), flat)  # nothing black comes in


def test_objectives_of_a_unit() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.LazyLinear(4))
    images = torch.rand(2, 3, 5, 5)
    model(images)
    maps = model[0](images)
    torch.testing.assert_close(channel("0", 1)(model, images), maps[:, 1].mean((1, 2)))
    torch.testing.assert_close(neuron("0", 1)(model, images), maps[:, 1, 2, 2])
    torch.testing.assert_close(channel("2", 3)(model, images), model(images)[:, 3])
    with pytest.raises(UsageError, match="It has 2, counted from 0"):
        channel("0", 2)(model, images)
    with pytest.raises(UsageError, match="channel"):
        objective_of("chanel", "0", 1)
    for options in ({"parametrization": "pixel"}, {"transform": "jiter"}, {"steps": 0}):
        with pytest.raises(UsageError):
            maximize(model, (3, 5, 5), channel("0", 0), **options)

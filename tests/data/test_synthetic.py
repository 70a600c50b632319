"""The toy sets against their definitions, one point at a time."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.data.synthetic import SETS, Points, divide, rosenbrock, sample
from vitreous.errors import UsageError


def draw(name: str, count: int = 400, noise: float = 0.0, seed: int = 0) -> Points:
    return sample(name, count, noise=noise, generator=np.random.default_rng(seed))


@pytest.mark.parametrize("name", SETS)
def test_shape_range_and_seed(name):
    points = draw(name)
    assert points.inputs.shape == (400, 2)
    assert points.targets.shape == (400,)
    assert np.isfinite(points.inputs).all()
    assert np.abs(points.targets).max() <= 1
    np.testing.assert_array_equal(points.inputs, draw(name).inputs)
    assert not np.array_equal(points.inputs, draw(name, seed=1).inputs)


@pytest.mark.parametrize("name", [name for name in SETS if name != "gauss"])
def test_points_lie_in_the_window(name):
    left, right, bottom, top = SETS[name].window
    x1, x2 = draw(name).inputs.T
    assert left <= x1.min() <= x1.max() <= right
    assert bottom <= x2.min() <= x2.max() <= top


@pytest.mark.parametrize("name", [name for name, row in SETS.items() if row.kind == "classify"])
def test_classes_are_balanced_signs(name):
    targets = draw(name).targets
    assert set(targets) == {-1.0, 1.0}
    assert abs(targets.mean()) < 0.15


def test_circle_is_a_disk_in_a_ring():
    points = draw("circle")
    radius = np.hypot(*points.inputs.T)
    assert radius[points.targets > 0].max() <= 2.5
    assert radius[points.targets < 0].min() >= 3.5
    assert radius.max() <= 5


def test_xor_is_the_sign_of_the_product():
    points = draw("xor")
    np.testing.assert_array_equal(points.targets, np.sign(points.inputs.prod(axis=1)))
    assert np.abs(points.inputs).min() >= 0.3


def test_gauss_has_its_means():
    points = draw("gauss", 4000)
    for sign in (-1, 1):
        cloud = points.inputs[points.targets == sign]
        np.testing.assert_allclose(cloud.mean(axis=0), 2 * sign, atol=0.1)
        np.testing.assert_allclose(cloud.std(axis=0), 1, atol=0.1)


def test_spiral_arms_are_half_a_turn_apart():
    points = draw("spiral")
    radius, angle = np.hypot(*points.inputs.T), np.arctan2(*points.inputs.T[::-1])
    turned = angle - 1.75 * 2 * np.pi * radius / 5
    np.testing.assert_allclose(np.cos(turned), points.targets, atol=1e-9)


def test_rosenbrock_is_positive_inside_its_level_set():
    points = draw("rosenbrock", 2000)
    x1, x2 = points.inputs.T
    value = 100 * (x2 - x1**2) ** 2 + (1 - x1) ** 2
    np.testing.assert_array_equal(points.targets > 0, value < 0.5)
    inside = points.inputs[points.targets > 0]
    assert abs(inside[:, 0].mean() - 1) < 0.05  # the banana is symmetric in 1 - x1
    assert rosenbrock(np.array(1.0), np.array(1.0)) == 0


def test_regression_targets():
    points = draw("plane")
    np.testing.assert_allclose(points.targets, points.inputs.sum(axis=1) / 12)
    points = draw("valley", 4000)
    x1, x2 = points.inputs.T
    np.testing.assert_allclose((points.targets + 1) * 50.5, 100 * (x2 - x1**2) ** 2 + (1 - x1) ** 2)
    points = draw("bumps", 4000)
    near = np.hypot(points.inputs[:, 0], points.inputs[:, 1] + 2.5) < 0.3
    assert points.targets[near].min() > 0.9


def test_noise_moves_points_and_targets():
    calm, noisy = draw("circle", 4000), draw("circle", 4000, noise=0.25)
    assert np.hypot(*noisy.inputs.T).max() > np.hypot(*calm.inputs.T).max()
    calm, noisy = draw("plane", 4000), draw("plane", 4000, noise=0.25)
    residual = noisy.targets - noisy.inputs.sum(axis=1) / 12
    assert 0.15 < residual.std() < 0.26
    assert np.abs(noisy.targets).max() <= 1


def test_divide_keeps_every_point_once():
    points = draw("xor", 11)
    train, test = divide(points, 0.3)
    assert (len(train), len(test)) == (3, 8)
    np.testing.assert_array_equal(np.concatenate([train.inputs, test.inputs]), points.inputs)
    assert [len(part) for part in divide(draw("xor", 2), 0.99)] == [1, 1]


@pytest.mark.parametrize(("count", "noise"), [(1, 0.0), (10, -1.0), (10, float("nan"))])
def test_impossible_requests(count, noise):
    with pytest.raises(UsageError):
        draw("xor", count, noise)


def test_unknown_set_and_ratio():
    with pytest.raises(UsageError, match="unknown set of points 'spirla'") as error:
        draw("spirla")
    assert "spiral" in error.value.remedy
    for ratio in (0, 1, float("nan")):
        with pytest.raises(UsageError):
            divide(draw("xor"), ratio)

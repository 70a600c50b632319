"""Gaussians fitted to images: gradients by hand and by autodiff, and planted Gaussians found."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from vitreous.errors import ShapeError, UsageError
from vitreous.labs.splat import (
    Parametrization,
    Splat,
    best_amplitude,
    by_autodiff,
    by_hand,
    fit,
    pixels,
    recover,
    starts,
)

PLANTED = Splat(0.8, (0.4, 0.65), (0.12, 0.2))
PARAMETRIZATIONS: tuple[Parametrization, ...] = ("deviation", "exponential")


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
@pytest.mark.parametrize("start", starts(5, seed=3))
def test_gradients_by_hand_are_those_of_autodiff(
    start: Splat, parametrization: Parametrization
) -> None:
    image, x = PLANTED.image(20, 24), pixels(20, 24)
    parameters = start.parameters(parametrization)
    error, mine = by_hand(parameters, x, image, parametrization)
    expected, theirs = by_autodiff(parameters, x, image, parametrization)
    assert_close(error, expected, rtol=1e-12, atol=0)
    for a, b in zip(mine, theirs, strict=True):
        assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_the_formula_is_the_homeworks() -> None:
    """Σ is the inverse covariance, with σ⁻² on its diagonal, and there is no factor ½."""
    x = pixels(5, 7)
    sigma = torch.diag(torch.tensor(PLANTED.deviation, dtype=torch.float64) ** -2)
    d = x - torch.tensor(PLANTED.center, dtype=torch.float64)
    expected = PLANTED.amplitude * torch.exp(-torch.einsum("hwi,ij,hwj->hw", d, sigma, d))
    assert_close(PLANTED.image(5, 7), expected)


@pytest.mark.parametrize("solve", [True, False])
def test_both_ways_walk_the_same_path(solve: bool) -> None:
    image = PLANTED.image(16, 16)
    by = {
        kind: list(fit(image, starts(1)[0], gradients=kind, solve=solve, steps=40))
        for kind in ("hand", "autodiff")
    }
    assert len(by["hand"]) == 41
    for (mine, error), (theirs, expected) in zip(by["hand"], by["autodiff"], strict=True):
        assert error == pytest.approx(expected, rel=1e-8)
        assert mine.center == pytest.approx(theirs.center, abs=1e-8)
    assert by["hand"][-1][1] < by["hand"][0][1]


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_a_planted_gaussian_is_recovered_from_twenty_starts(
    parametrization: Parametrization,
) -> None:
    found = recover(PLANTED, parametrization=parametrization, size=(24, 24))
    assert found.successes == 20
    assert found.rate == 1
    assert max(found.errors) <= 0.01


def test_without_solving_for_the_amplitude_most_starts_fade_away() -> None:
    """What the two parametrizations change is small beside this."""
    rates = {
        parametrization: recover(
            PLANTED, parametrization=parametrization, size=(24, 24), solve=False
        ).successes
        for parametrization in PARAMETRIZATIONS
    }
    assert all(3 <= successes <= 15 for successes in rates.values()), rates


def test_an_exponential_is_never_negative_where_a_deviation_goes_through_zero() -> None:
    image, narrow = PLANTED.image(24, 24), Splat(0.5, (0.7, 0.2), (0.03, 0.03))
    smallest = {
        parametrization: min(
            min(state.deviation)
            for state, _ in fit(
                image, narrow, parametrization=parametrization, steps=60, rate=0.1, solve=False
            )
        )
        for parametrization in PARAMETRIZATIONS
    }
    assert smallest["exponential"] > 0
    assert smallest["deviation"] < 0


def test_the_best_amplitude_is_where_its_gradient_vanishes() -> None:
    image, x = PLANTED.image(16, 16), pixels(16, 16)
    _, mu, sigma = starts(1)[0].parameters()
    a = best_amplitude((torch.tensor(9.0), mu, sigma), x, image)
    _, (by_a, _, _) = by_hand((a, mu, sigma), x, image)
    assert abs(float(by_a)) < 1e-10


def test_the_error_is_relative_and_ignores_the_sign_of_a_deviation() -> None:
    assert PLANTED.error(PLANTED) == 0
    assert Splat(0.8, (0.4, 0.65), (-0.12, 0.2)).error(PLANTED) == 0
    assert Splat(0.88, (0.4, 0.65), (0.12, 0.2)).error(PLANTED) == pytest.approx(0.1)
    assert Splat(0.8, (0.4, 0.69), (0.12, 0.2)).error(PLANTED) == pytest.approx(0.2)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ShapeError, match="is not gray"):
        next(fit(torch.zeros(4, 4, 3), PLANTED))
    with pytest.raises(UsageError, match="unknown kind of gradients 'magic'"):
        next(fit(PLANTED.image(4, 4), PLANTED, gradients="magic"))  # type: ignore[arg-type]

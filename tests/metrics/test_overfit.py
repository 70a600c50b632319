"""The alarm rings where curves part, and keeps still where they only tremble."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.metrics.overfit import alarm

EPOCHS = np.arange(40)


def test_diverging_curves_are_noticed() -> None:
    train = np.exp(-EPOCHS / 8)
    validation = 0.4 + 0.6 * np.exp(-EPOCHS / 4) + 0.012 * EPOCHS
    found = alarm(train, validation, 0.9 - 0.004 * np.maximum(EPOCHS - 8, 0))
    assert found is not None
    assert 6 <= found.epoch <= 16
    assert found.score_fell
    assert "by heart" in found.explanation
    kept = alarm(train, validation, np.full(40, 0.9))
    assert kept is not None
    assert kept.score_fell is False
    assert "accuracy held" in kept.explanation


def test_the_rise_is_found_in_noise_too() -> None:
    rang = 0
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(0, 0.03, 40)
        validation = 0.4 + 0.6 * np.exp(-EPOCHS / 4) + 0.012 * EPOCHS + noise
        rang += alarm(np.exp(-EPOCHS / 8), validation) is not None
    assert rang > 95


@pytest.mark.parametrize("epochs", [8, 20, 60, 300])
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
def test_healthy_curves_seldom_alarm(epochs: int, noise: float) -> None:
    steps, false = np.arange(epochs), 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        train = np.exp(-4 * steps / epochs) + 0.01
        validation = (0.3 + np.exp(-6 * steps / epochs)) * np.exp(
            generator.normal(0, noise, epochs)
        )
        false += alarm(train, validation) is not None
    assert false <= 4  # of 200


@pytest.mark.parametrize("epochs", [0, 1, 3, 5])
def test_short_runs_show_no_trend(epochs: int) -> None:
    assert alarm(np.linspace(1, 0, epochs), np.linspace(0, 1, epochs)) is None


def test_what_both_losses_do_is_no_overfitting() -> None:
    rising = np.linspace(0.5, 2, 40)
    assert alarm(rising, rising) is None


def test_unknown_values_raise_no_alarm() -> None:
    train = np.exp(-EPOCHS / 8)
    assert alarm(train, np.where(EPOCHS == 3, np.nan, EPOCHS)) is None


def test_a_rise_that_means_nothing_raises_no_alarm() -> None:
    """From 0.0017 to 0.003 is 76 %, and nothing beside the loss of the first epochs."""
    train, nothing = 0.01 * np.exp(-EPOCHS / 8), 0.0017 + 0.0013 * EPOCHS / 39
    right, nearly = np.ones(40), np.full(40, 0.998)
    assert alarm(train, nothing, right, perfect=1.0) is None
    assert alarm(train, nothing, right) is not None  # who knows what this score can be
    assert alarm(train, nothing, nearly, perfect=1.0) is not None  # the loss began there
    falling = nothing + 0.5 * np.exp(-EPOCHS)
    assert alarm(train, falling, nearly, perfect=1.0) is None
    worse = alarm(train, falling, nearly - 0.002 * EPOCHS, perfect=1.0)
    assert worse is not None
    assert worse.score_fell
    assert alarm(train, falling) is not None


def test_the_score_has_a_name_and_any_scale() -> None:
    """An error in pixels is given with its sign turned: more is better."""
    train = np.exp(-EPOCHS / 8)
    validation = 0.4 + 0.6 * np.exp(-EPOCHS / 4) + 0.012 * EPOCHS
    for scale in (0.01, 1, 400):
        error = scale * (10 + 0.1 * np.maximum(EPOCHS - 8, 0))
        worse = alarm(train, validation, -error, "root mean squared error")
        assert worse is not None
        assert worse.score_fell
        assert "root mean squared error got worse with it" in worse.explanation
        held = alarm(train, validation, -scale * np.full(40, 10.0), "root mean squared error")
        assert held is not None
        assert held.score_fell is False

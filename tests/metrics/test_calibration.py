"""Calibration against synthetic models whose error is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize

from vitreous.errors import UsageError
from vitreous.metrics import calibration
from vitreous.metrics.calibration import (
    calibration_error,
    chance_error,
    fit_temperature,
    reliability,
    temper,
    temperature_of,
)


@pytest.mark.parametrize("equal", ["width", "mass"])
def test_a_calibrated_model_has_no_error(equal: str) -> None:
    confidence = np.repeat([0.25, 0.5, 0.75, 1.0], 100)
    correct = np.concatenate([np.arange(100) < 100 * c for c in (0.25, 0.5, 0.75, 1.0)])
    bins = reliability(confidence, correct, equal=equal)
    assert calibration_error(bins) == pytest.approx(0, abs=1e-12)
    assert sum(b.count for b in bins) == 400


@pytest.mark.parametrize("equal", ["width", "mass"])
def test_the_error_of_a_boaster_is_the_gap(equal: str) -> None:
    bins = reliability(np.full(50, 0.9), np.arange(50) < 30, equal=equal)
    assert calibration_error(bins) == pytest.approx(0.3)
    assert len(bins) == 1


def test_the_order_of_examples_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.choice([0.3, 0.6, 0.9, 0.95, 1.0], 200)
    correct = generator.random(200) < confidence
    order = generator.permutation(200)
    for equal in ("width", "mass"):
        a = calibration_error(reliability(confidence, correct, equal=equal))
        b = calibration_error(reliability(confidence[order], correct[order], equal=equal))
        assert a == pytest.approx(b)


def test_bins_hold_their_edges() -> None:
    confidence = np.linspace(0, 1, 16)  # the edges themselves
    bins = reliability(confidence, np.ones(16, bool))
    assert [b.count for b in bins] == [2] + [1] * 14
    assert all(b.low <= b.confidence <= b.high for b in bins)


def test_bins_of_equal_mass_are_equally_filled() -> None:
    confidence = np.random.default_rng(1).beta(8, 1, 1500)
    bins = reliability(confidence, np.ones(1500, bool), equal="mass")
    assert len(bins) == 15
    assert max(b.count for b in bins) - min(b.count for b in bins) <= 2


def test_chance_alone_explains_the_error_of_a_calibrated_sample() -> None:
    generator = np.random.default_rng(2)
    errors, expected = [], []
    for _ in range(300):
        confidence = generator.uniform(0.3, 1, 400)
        bins = reliability(confidence, generator.random(400) < confidence)
        errors.append(calibration_error(bins))
        expected.append(chance_error(bins))
    assert np.mean(errors) == pytest.approx(np.mean(expected), rel=0.1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_of_a_tempered_model_is_found(temperature: float) -> None:
    generator = np.random.default_rng(3)
    logits = generator.normal(0, 2, (4000, 5))
    honest = temper(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1)
    targets = (honest.cumsum(axis=1) < generator.random((4000, 1))).sum(axis=1)
    distorted = temper(honest, 1 / temperature)  # sharper by the factor `temperature`
    found = fit_temperature(distorted, targets)

    def loss(t: float) -> float:
        rows = temper(distorted, t)[np.arange(4000), targets]
        return float(-np.log(rows).mean())

    expected = optimize.minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    assert found == pytest.approx(expected, rel=1e-3)
    assert found == pytest.approx(temperature, rel=0.08)


def test_tempering_keeps_the_order_and_the_sum() -> None:
    table = np.array([[0.7, 0.3, 0.0], [0.2, 0.2, 0.6]])
    for temperature in (0.1, 1.0, 7.0):
        warm = temper(table, temperature)
        np.testing.assert_allclose(warm.sum(axis=1), 1)
        assert (warm.argmax(axis=1) == table.argmax(axis=1)).all()
    np.testing.assert_allclose(temper(table, 1.0), table, atol=1e-12)


def test_a_perfect_model_is_as_sharp_as_can_be() -> None:
    assert fit_temperature(np.array([[0.8, 0.2], [0.3, 0.7]]), np.array([0, 1])) == pytest.approx(
        0.05, rel=1e-3
    )


def test_a_temperature_is_positive_and_needs_examples() -> None:
    with pytest.raises(UsageError, match="positive"):
        temper(np.array([[1.0]]), 0)
    with pytest.raises(UsageError, match="no examples"):
        fit_temperature(np.empty((0, 3)), np.empty(0, np.int64))


@pytest.mark.parametrize("count", [50, 500, 5000])
def test_who_doubts_is_never_certain(count: int) -> None:
    """All right so far: the rule of succession puts the next mistake at one in count + 1."""
    logits = np.tile([2.0, 0.0], (count, 1))
    temperature = temperature_of(logits, np.zeros(count, np.int64), doubting=True)
    wrong = 1 / (1 + np.exp(2 / temperature))
    assert wrong == pytest.approx(1 / (count + 1), rel=1e-6)
    assert temperature_of(logits, np.zeros(count, np.int64)) == pytest.approx(0.05)


def test_a_doubt_weighs_little_beside_many_answers() -> None:
    generator = np.random.default_rng(3)
    logits = generator.normal(0, 4, (4000, 5))
    odds = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    targets = (odds.cumsum(axis=1) < generator.random((4000, 1))).sum(axis=1)
    doubted = temperature_of(logits, targets, doubting=True)
    assert doubted == pytest.approx(temperature_of(logits, targets), rel=0.005)
    assert doubted == pytest.approx(2.0, rel=0.08)


def test_a_temperature_is_found_in_a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a step leads to the solution exactly, as here."""
    logits = np.random.default_rng(0).normal(size=(300, 2000))
    targets = np.arange(300)
    logits[targets, targets] += 4
    calls, softmax = [], calibration._softmax

    def counted(logits: NDArray[np.float64]) -> NDArray[np.float64]:
        calls.append(len(logits))
        return softmax(logits)

    monkeypatch.setattr(calibration, "_softmax", counted)
    found = temperature_of(logits, targets)
    assert sum(calls) <= 12 * 300
    expected = (softmax(logits / found) * logits).sum(axis=1).mean()
    assert expected == pytest.approx(logits[targets, targets].mean(), rel=1e-9)


def test_rows_are_taken_some_at_a_time_for_the_same_temperature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits = np.random.default_rng(1).normal(size=(50, 7))
    targets = np.arange(50) % 7
    logits[np.arange(50), targets] += 1
    whole = temperature_of(logits, targets, doubting=True)
    monkeypatch.setattr("vitreous.metrics.answers.CHUNK", 3 * 7)
    assert temperature_of(logits, targets, doubting=True) == whole

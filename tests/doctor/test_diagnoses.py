"""The table of diagnoses: its order, its fixes, its words."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from vitreous.doctor import DIAGNOSES, Evidence, diagnose
from vitreous.doctor.diagnoses import in_words
from vitreous.doctor.doctor_charts import CHARTS
from vitreous.doctor.doctor_page import render_page
from vitreous.doctor.evidence import Head, Held, Labels, Layer, Sample, Units
from vitreous.recipes.recipe import Recipe


def sample(step: int, ratio: float = 0.003, lr: float = 0.01) -> Sample:
    layers = {f"layer{n}": Layer(gradient=0.1, weight=1.0, update=ratio) for n in range(3)}
    return Sample(step, lr, layers, scales=[1.0, 1.0, 1.0])


def healthy(steps: int = 300) -> Evidence:
    """What a training of ten classes leaves behind that goes well."""
    losses = 2.3 * np.exp(-np.arange(steps) / 50) + 0.05
    return Evidence(
        steps=steps,
        losses=losses,
        accuracies=1 - losses / 2.4,
        samples=[sample(step) for step in (1, 2, 4, 8, 16, 32, 48, 64)],
        head=Head(softmax=True, simplex=0.0, classes=10, low=-9.0, high=12.0, ends=0.0),
        labels=Labels(counts=[960] * 10, dispersion=1.0, neighbors=0.95, chance=0.1),
        forwards=steps,
    )


def test_nothing_is_said_of_nothing_and_of_what_goes_well() -> None:
    assert diagnose(Evidence()) == []
    assert diagnose(healthy()) == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"unnumbered": 3}, "inputs_not_a_number"),
        ({"leftover": [1.0] * 10}, "gradients_not_zeroed"),
        ({"steps": 0, "samples": [], "losses": np.zeros(0)}, "never_stepped"),
        ({"labels": Labels(counts=[960] * 9 + [0], dispersion=1.0)}, "class_missing"),
        ({"labels": Labels(counts=[960] * 10, dispersion=20.0)}, "not_shuffled"),
        ({"losses": np.full(300, np.inf)}, "nan"),
        (
            {
                "losses": np.linspace(2.3, 4.0, 300),
                "samples": [sample(n, 0.9) for n in range(1, 9)],
            },
            "lr_too_high",
        ),
        (
            {"losses": np.full(300, 2.3), "samples": [sample(n, 1e-6) for n in range(1, 9)]},
            "lr_too_low",
        ),
        ({"losses": np.linspace(2.3, 9.0, 300)}, "loss_rises"),
        ({"held": Held(known=0.5)}, "leak"),
        ({"held": Held(distinct=0.99), "validation": [(100, 1.0, 0.5)] * 3}, "shift"),
        ({"accuracies": np.ones(300), "validation": [(100, 1.0, 0.8)] * 3}, "overfitting"),
        ({"losses": np.full(300, 1.8), "accuracies": np.full(300, 0.3)}, "underfitting"),
        (
            {"losses": np.full(300, 2.3), "constant": 1.0, "labels": Labels(counts=[960] * 10)},
            "constant_predictions",
        ),
        ({"losses": np.full(300, 2.3), "labels": Labels(counts=[960] * 10)}, "not_learning"),
    ],
)
def test_each_measurement_has_its_diagnosis(change: dict[str, object], key: str) -> None:
    found = diagnose(dataclasses.replace(healthy(), **change))
    assert found[0].key == key
    assert found[0].step == (0 if key == "never_stepped" else 300)
    assert found[0].title in in_words(found, 300)
    page = render_page(dataclasses.replace(healthy(), **change), "a run", found)
    assert found[0].title in page
    assert "<script" not in page


def test_a_cause_hides_what_follows_from_it() -> None:
    broken = dataclasses.replace(healthy(), losses=np.full(300, np.inf), leftover=[1.0] * 9)
    assert [one.key for one in diagnose(broken)] == ["gradients_not_zeroed"]


def test_rates_that_are_proposed_lie_on_the_right_side() -> None:
    high = dataclasses.replace(
        healthy(),
        losses=np.linspace(2.3, 4, 300),
        samples=[sample(n, 0.9, lr=1.0) for n in range(9)],
    )
    low = dataclasses.replace(
        healthy(), losses=np.full(300, 2.3), samples=[sample(n, 1e-6, lr=1e-5) for n in range(9)]
    )
    (too_high,), (too_low,) = diagnose(high), diagnose(low)
    assert too_high.change["lr"] < 1.0
    assert too_low.change["lr"] > 1e-5
    assert too_low.fix == f"--lr {too_low.change['lr']:g}"


@pytest.mark.parametrize("key", DIAGNOSES)
def test_each_row_is_whole(key: str) -> None:
    fault = DIAGNOSES[key]
    assert set(fault.charts) <= set(CHARTS)
    assert set(fault.hides) <= {*DIAGNOSES, "*"}
    fields = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(Recipe)}
    assert set(re.findall(r"--[a-z][a-z-]*", fault.fix)) <= fields, "a flag that there is not"
    assert fault.symptom.__module__.endswith("_symptoms")


def doubting(trace: list[tuple[float, float]], neighbors: float, now: float) -> Evidence:
    """Ten classes, a loss that falls from 2.3 to `now`, and what sure answers contradict."""
    return dataclasses.replace(
        healthy(240),
        losses=np.linspace(2.3, now, 240),
        accuracies=np.linspace(0.1, 0.4, 240),
        labels=Labels(
            counts=[960] * 10,
            dispersion=1.0,
            neighbors=neighbors,
            chance=0.1,
            contradicted=[(20 * n, *pair) for n, pair in enumerate(trace, 1)],
        ),
    )


def test_hard_images_are_not_called_noisy() -> None:
    """As measured on CIFAR-10: what is hard is learned bit by bit, and wrong labels stay wrong."""
    hard = [(0.82, 0.6), (0.79, 0.56), (0.7, 0.4), (0.66, 0.33), (0.59, 0.22), (0.52, 0.14)]
    assert diagnose(doubting(hard, neighbors=0.21, now=1.6)) == []
    noisy = [(0.8, 0.56), (0.75, 0.54), (0.76, 0.49), (0.71, 0.45), (0.68, 0.38), (0.65, 0.38)]
    (found,) = diagnose(doubting(noisy, neighbors=0.16, now=1.8))
    assert found.key == "labels_noisy"


def test_labels_that_are_learned_are_not_unrelated() -> None:
    """Nearest neighbors of hard images tell little, but the network has learned something."""
    hard = doubting([], neighbors=0.14, now=2.12)
    assert diagnose(hard) == []
    unrelated = dataclasses.replace(hard, accuracies=np.full(240, 0.11))
    assert [one.key for one in diagnose(unrelated)] == ["labels_shuffled"]


def test_half_of_the_accuracy_lost_is_a_shift_if_the_images_differ_at_all() -> None:
    lost = dataclasses.replace(
        doubting([], neighbors=0.21, now=1.6),
        held=Held(distinct=0.72),
        validation=[(120, 2.4, 0.11), (240, 2.4, 0.11)],
    )
    assert [one.key for one in diagnose(lost)] == ["shift"]
    assert diagnose(dataclasses.replace(lost, held=Held(distinct=0.55))) == []
    by_heart = dataclasses.replace(lost, accuracies=np.ones(240))
    assert [one.key for one in diagnose(by_heart)] == ["overfitting"]


def test_a_class_that_may_come_yet_is_not_missing() -> None:
    one_by_one = Labels(counts=[400, 400, *[0] * 8], dispersion=25.0)
    found = diagnose(dataclasses.replace(healthy(), labels=one_by_one))
    assert [one.key for one in found] == ["not_shuffled"]
    only_one = Labels(counts=[640, *[0] * 9])
    assert diagnose(dataclasses.replace(healthy(20), labels=only_one)) == []


@pytest.mark.parametrize(("first", "key"), [(0.9, "dead_units"), (0.0, "units_died")])
def test_units_that_were_dead_at_first_and_such_that_died(first: float, key: str) -> None:
    samples = [sample(step, 0.02) for step in (1, 2, 4, 8)]
    for one, share in zip(samples, (first, first, 0.8, 0.9), strict=True):
        one.units = [Units("relu", "relu", dead=share)]
    found = diagnose(dataclasses.replace(healthy(), samples=samples))
    assert [one.key for one in found] == [key]


def test_momentum_counts_in_the_rate_that_is_proposed() -> None:
    rates = []
    for momentum in (0.0, 0.9):
        samples = [sample(n, 0.9, lr=1.0) for n in range(9)]
        for one in samples:
            one.momentum = momentum
        (found,) = diagnose(
            dataclasses.replace(healthy(), losses=np.linspace(2.3, 4, 300), samples=samples)
        )
        rates.append(found.change["lr"])
    assert rates[0] == pytest.approx(10 * rates[1], rel=0.6)


def test_a_slow_beginning_is_no_rate_that_is_too_high() -> None:
    """Momentum overshoots at first: the loss has fallen by a tenth, from where it would guess."""
    losses = np.concatenate([[2.4, 3.0, 3.1, 3.0, 2.9], np.linspace(2.6, 2.05, 35)])
    early = dataclasses.replace(
        healthy(40), losses=losses, samples=[sample(n, 0.06) for n in (1, 2, 4, 8, 16, 32)]
    )
    assert diagnose(early) == []
    stays = dataclasses.replace(early, losses=np.full(40, 2.45))
    assert [one.key for one in diagnose(stays)] == ["lr_too_high"]

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
from vitreous.doctor.evidence import Head, Held, Labels, Layer, Sample
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

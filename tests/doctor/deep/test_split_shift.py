"""Shift between parts, trivial features, challenges: what is planted is found, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from vitreous.doctor.deep.challenges import challenges, intrinsic
from vitreous.doctor.deep.split_shift import hanley, shift
from vitreous.doctor.deep.trivial_features import pixel_features, shortcuts, statistics_of


def parts(offset: float, seed: int = 0):
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(300, 40)).astype(np.float32)
    vectors[200:, 3] += offset
    statistics = {"brightness": vectors[:, 3].astype(float), "contrast": draw.normal(size=300)}
    return shift("test", vectors, statistics, np.arange(200), np.arange(200, 300))


def test_a_shift_is_told_with_what_differs() -> None:
    found = parts(2.0)
    assert found is not None
    assert found.interval[0] > 0.8
    assert [gap.name for gap in found.gaps] == ["brightness"]
    assert found.gaps[0].medians[1] > found.gaps[0].medians[0] + 1
    # What the statistic alone tells is an area under the ROC curve.
    draw = np.random.default_rng(0)
    values = draw.normal(size=(300, 40)).astype(np.float32)
    values[200:, 3] += 2
    peer = roc_auc_score(np.arange(300) >= 200, values[:, 3])
    assert found.gaps[0].area == pytest.approx(peer)


def test_parts_of_one_source_are_not_told_apart() -> None:
    wrong = 0
    for seed in range(20):
        found = parts(0.0, seed)
        assert found is not None
        wrong += not found.interval[0] <= 0.5 <= found.interval[1]
        assert len(found.gaps) <= 1
    assert wrong <= 3
    assert (
        shift("test", np.zeros((50, 2), np.float32), {}, np.arange(40), np.arange(40, 50)) is None
    )


def test_the_interval_covers() -> None:
    draw = np.random.default_rng(0)
    true = 0.7602  # P(one normal number is above another one that is 1 lower)
    hits = 0
    for _ in range(300):
        low, high = draw.normal(0, 1, 60), draw.normal(1, 1, 50)
        area = float((high[:, None] > low).mean())
        bounds = hanley(area, 60, 50)
        hits += bounds[0] <= true <= bounds[1]
    assert hits / 300 == pytest.approx(0.95, abs=0.04)
    assert hanley(1.0, 50, 50)[0] < 1


def pictures(border: bool):
    """Noise of two classes; with a border, that of one class is brighter."""
    draw = np.random.default_rng(1)
    rows = draw.integers(60, 190, (200, 64, 64, 3), dtype=np.uint8)
    labels = np.arange(200) % 2
    if border:
        rows[labels == 1, :2] = 220
        rows[labels == 0, :2] = 30
    return rows, labels


def test_a_border_that_tells_the_class_is_a_shortcut() -> None:
    rows, labels = pictures(border=True)
    found = shortcuts(pixel_features(rows), labels)
    assert found[0].name == "the color of the border"
    assert found[0].interval[0] > 0.9
    assert found[0].always == 0.5
    rows, labels = pictures(border=False)
    assert all(one.interval[0] < 0.55 for one in shortcuts(pixel_features(rows), labels))


def test_what_is_the_same_everywhere_tells_nothing() -> None:
    same = {"the size of the image": np.ones((100, 3))}
    assert shortcuts(same, np.arange(100) % 2) == []


def test_statistics_are_those_of_the_pixels() -> None:
    rows = np.full((1, 64, 64, 3), (200, 100, 50), np.uint8)
    found = {name: float(values[0]) for name, values in statistics_of(rows).items()}
    assert found["brightness"] == pytest.approx(350 / 3, rel=1e-5)
    assert (found["contrast"], found["sharpness"]) == (pytest.approx(0, abs=1e-4), 0)
    assert (found["saturation"], found["redness"]) == (150, 150)


@pytest.mark.parametrize("dimensions", [2, 5])
def test_the_dimension_of_a_set_that_is_known(dimensions: int) -> None:
    import torch

    draw = np.random.default_rng(0)
    points = draw.random((1000, dimensions)) @ np.linalg.qr(draw.normal(size=(30, dimensions)))[0].T
    apart = torch.cdist(torch.from_numpy(points), torch.from_numpy(points))
    apart.fill_diagonal_(torch.inf)
    assert intrinsic(apart) == pytest.approx(dimensions, rel=0.15)


def test_four_challenges_need_no_model() -> None:
    rows, labels = pictures(border=True)
    found = {one.name: one for one in challenges(rows, 12288, labels, ("a", "b"), None)}
    assert [*found] == ["dimensionality", "transformations", "variability", "perceptual similarity"]
    assert found["variability"].value < 1
    assert found["perceptual similarity"].value < 0.2
    assert [one.name for one in challenges(rows, 12288, None, (), None)] == ["dimensionality"]

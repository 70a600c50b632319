"""Folds are disjoint, cover everything, and keep together what belongs together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vitreous.data.dataset import Dataset
from vitreous.data.formats.arrays import from_arrays
from vitreous.data.splits.folds import bootstrap, folds
from vitreous.errors import UsageError


def noise(count: int, classes: int = 3) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (count, 6, 6, 1), dtype=np.uint8)
    return from_arrays(images, np.arange(count) % classes)


@pytest.mark.parametrize("count", [2, 5, 7])
def test_every_example_is_held_out_once(count: int) -> None:
    dataset = noise(60)
    pairs = folds(dataset, count)
    assert len(pairs) == count
    np.testing.assert_array_equal(np.sort(np.concatenate([b for _, b in pairs])), np.arange(60))
    for training, held_out in pairs:
        assert not set(training) & set(held_out)
        assert len(training) + len(held_out) == 60


def test_classes_are_dealt_evenly() -> None:
    dataset = noise(60)
    for _, held_out in folds(dataset, 5):
        counts = np.bincount(dataset.targets["class"].array[held_out], minlength=3)
        assert counts.max() - counts.min() <= 1


def test_leave_one_out_is_as_many_folds_as_examples() -> None:
    pairs = folds(noise(12), 12)
    assert sorted(int(held_out.item()) for _, held_out in pairs) == list(range(12))


def test_copies_and_groups_stay_together() -> None:
    dataset = noise(60)
    assert dataset.pixels is not None
    dataset.pixels[30:] = dataset.pixels[:30]
    for _, held_out in folds(dataset, 4):
        assert {row % 30 for row in held_out} == {row for row in held_out if row < 30}
    grouped = noise(60)
    grouped.groups = np.arange(60) // 6
    for training, held_out in folds(grouped, 5):
        assert not set(grouped.groups[training]) & set(grouped.groups[held_out])


def test_the_order_of_examples_does_not_matter() -> None:
    dataset = noise(40)
    assert dataset.pixels is not None
    order = np.random.default_rng(1).permutation(40)
    shuffled = from_arrays(dataset.pixels[order], np.asarray(dataset.targets["class"].array)[order])
    ours = [set(order[held_out]) for _, held_out in folds(shuffled, 4)]
    assert ours == [set(held_out) for _, held_out in folds(dataset, 4)]


@pytest.mark.parametrize("count", [0, 1, 13])
def test_impossible_counts_are_refused(count: int) -> None:
    with pytest.raises(UsageError, match="12 different images"):
        folds(noise(12), count)


def test_the_bootstrap_leaves_out_one_in_e() -> None:
    shares = []
    for drawn, out in bootstrap(1000, 50):
        assert len(drawn) == 1000
        assert not set(drawn) & set(out)
        assert set(drawn) | set(out) == set(range(1000))
        shares.append(len(out) / 1000)
    assert np.mean(shares) == pytest.approx(1 / math.e, abs=0.005)

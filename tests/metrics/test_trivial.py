"""Simple rules against scikit-learn's, and their cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from vitreous.metrics.trivial import (
    Baseline,
    _averaging,
    frequency,
    majority,
    nearest_neighbors,
    neighbor_class,
    neighbor_labels,
)


def nearest_neighbor(  # as a rule for classes
    train: Any, learned: np.ndarray, images: Any, wanted: np.ndarray, count: int, **options: int
) -> Baseline:
    return neighbor_class(nearest_neighbors(train, images, **options), learned, wanted, count)


def digits() -> tuple[np.ndarray, np.ndarray]:
    bunch = load_digits()
    return (bunch.images * 15.9).astype(np.uint8)[..., None], bunch.target.astype(np.int64)


def test_majority_is_the_dummy_classifier() -> None:
    generator = np.random.default_rng(0)
    train, test = generator.integers(0, 4, 90) // 2, generator.integers(0, 4, 50)
    rule = majority(train, test, 4)
    dummy = DummyClassifier(strategy="most_frequent").fit(np.zeros((90, 1)), train)
    assert rule.accuracy == dummy.score(np.zeros((50, 1)), test)
    assert rule.balanced_accuracy == 0.25
    assert rule.interval[0] < rule.accuracy < rule.interval[1]


def test_the_neighbor_is_scikit_learns() -> None:
    images, targets = digits()
    rule = nearest_neighbor(images[:1200], targets[:1200], images[1200:], targets[1200:], 10)
    peer = KNeighborsClassifier(1).fit(images[:1200].reshape(1200, -1), targets[:1200])
    assert abs(rule.accuracy - peer.score(images[1200:].reshape(597, -1), targets[1200:])) < 0.004
    assert rule.count == 597
    again = nearest_neighbor(images[:1200], targets[:1200], images[1200:], targets[1200:], 10)
    assert again == rule


def test_cost_is_bounded_and_few_rows_are_read() -> None:
    class Rows:
        """Counts which of a million images are read."""

        shape = (1_000_000, 32, 32, 3)
        read = 0

        def __len__(self) -> int:
            return self.shape[0]

        def __getitem__(self, row: int) -> np.ndarray:
            self.read += 1
            return np.full((32, 32, 3), row % 251, np.uint8)

    rows, targets = Rows(), np.arange(1_000_000) % 5
    rule = nearest_neighbor(rows, targets, rows, targets, 5, limit=300)
    assert rows.read == 600
    assert rule.count == 300


def test_large_images_are_averaged_to_small_ones() -> None:
    matrix = _averaging(33, 16)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(matrix.sum(axis=0), 16 / 33, rtol=1e-6)
    np.testing.assert_array_equal(_averaging(8, 16), np.eye(8))


def test_any_shape_and_any_channels() -> None:
    generator = np.random.default_rng(1)
    bright = generator.integers(0, 2, 60)
    for shape in ((3, 200, 6), (16, 16, 1), (301, 47, 3), (1, 1, 2)):
        images = np.full((60, *shape), 200, np.uint8)
        images[bright == 0] = 0
        rule = nearest_neighbor(images[:30], bright[:30], images[30:], bright[30:], 2)
        assert rule.accuracy == 1.0


def test_labels_have_baselines_too() -> None:
    generator = np.random.default_rng(2)
    truth = (generator.random((200, 3)) < [0.8, 0.4, 0.1]).astype(np.uint8)
    rule = frequency(truth[:100], truth[100:])
    assert rule.map is not None
    np.testing.assert_allclose(rule.map, truth[100:].mean(axis=0).mean())
    assert rule.accuracy == (truth[100:] == [1, 0, 0]).all(axis=1).mean()
    images = truth[:, None, None, :] * np.uint8(255)
    assert neighbor_labels(nearest_neighbors(images, images), truth, truth).map == 1.0

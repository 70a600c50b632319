"""Classic classifiers on features: scikit-learn's, fed with vectors of length one."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from vitreous.data.formats.arrays import digits
from vitreous.errors import DataError, UsageError
from vitreous.retrieval.encoder import encoder
from vitreous.retrieval.heads import HEADS, compare, fit_head
from vitreous.retrieval.index import unit


def test_every_head_learns_the_digits() -> None:
    data = digits()
    assert data.pixels is not None
    vectors = data.pixels.reshape(len(data), -1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(data))
    vectors, targets = vectors[order], data.targets["class"].array[order]
    accuracies = compare(vectors[:600], targets[:600], vectors[600:1000], targets[600:1000])
    assert accuracies.keys() == HEADS.keys()
    assert min(accuracies.values()) > 0.9
    assert accuracies["neighbors"] > 0.95


def test_lengths_do_not_matter() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((60, 5)).astype(np.float32)
    targets = (vectors[:, 0] > 0).astype(np.int64)
    lengths = random.uniform(0.1, 10, (60, 1)).astype(np.float32)
    for name in HEADS:
        one = fit_head(name, vectors, targets).predict(unit(vectors))
        other = fit_head(name, vectors * lengths, targets).predict(unit(vectors))
        assert (one == other).mean() > 0.98


def test_errors() -> None:
    vectors, targets = np.eye(3, dtype=np.float32), np.array([0, 1, 1])
    with pytest.raises(UsageError, match="unknown head 'svn'"):
        fit_head("svn", vectors, targets)
    with pytest.raises(DataError, match="one class"):
        fit_head("svm", vectors, np.zeros(3, np.int64))
    assert fit_head("neighbors", vectors, targets).n_neighbors == 3


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(UsageError, match="needs the package scikit-learn") as error:
        fit_head("svm", np.eye(3, dtype=np.float32), np.array([0, 1, 1]))
    assert error.value.remedy == 'pip install "vitreous[classic]"'


def test_simple_classifiers_on_the_features_of_a_pretrained_network() -> None:
    """Crops of two photos: what ImageNet's features see, no head needs many examples to learn."""
    photos = load_sample_images().images
    random = np.random.default_rng(0)
    crops, targets = [], []
    for number in range(40):
        height, width = photos[number % 2].shape[:2]
        top, left = random.integers(0, height - 160), random.integers(0, width - 160)
        crops.append(photos[number % 2][top : top + 160, left : left + 160])
        targets.append(number % 2)
    vectors, answers = encoder("efficientnet_lite0").of(crops), np.array(targets)
    assert vectors.shape == (40, 1280)
    accuracies = compare(vectors[:16], answers[:16], vectors[16:], answers[16:])
    assert accuracies.keys() == HEADS.keys()
    assert min(accuracies.values()) >= 0.95

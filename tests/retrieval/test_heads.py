"""Classic classifiers on features: scikit-learn's, fed with vectors of length one."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.data.arrays import digits
from vitreous.errors import DataError, UsageError
from vitreous.retrieval.heads import HEADS, compare, fit_head
from vitreous.retrieval.index import unit


def test_every_head_learns_the_digits() -> None:
    data = digits()
    assert data.pixels is not None
    vectors = data.pixels.reshape(len(data), -1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(data))
    vectors, targets = vectors[order], data.targets[order]
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

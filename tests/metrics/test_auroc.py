"""AUROC against scikit-learn and by counting pairs."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.errors import UsageError
from vitreous.metrics.auroc import auroc, auroc_interval


@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_scikit_learn_and_the_share_of_pairs_in_order(seed: int) -> None:
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(seed)
    lower = generator.integers(0, 12, 40) / 4
    higher = generator.integers(3, 15, 25) / 4
    labels = np.repeat([0, 1], [40, 25])
    found = auroc(lower, higher)
    assert found == pytest.approx(roc_auc_score(labels, np.concatenate([lower, higher])), abs=1e-12)
    pairs = (higher[:, None] > lower) + 0.5 * (higher[:, None] == lower)
    assert found == pytest.approx(pairs.mean(), abs=1e-12)


def test_the_interval_covers_what_it_should() -> None:
    generator = np.random.default_rng(0)
    true, inside = 0.760250, 0  # Φ(1 / √2)
    for _ in range(300):
        lower, higher = generator.normal(0, 1, 60), generator.normal(1, 1, 80)
        low, high = auroc_interval(auroc(lower, higher), 60, 80)
        inside += low <= true <= high
    assert 0.92 < inside / 300 < 0.98


def test_one_kind_alone_has_none() -> None:
    with pytest.raises(UsageError, match="both kinds"):
        auroc([], [1.0])

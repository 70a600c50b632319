from __future__ import annotations

import numpy as np
import torch
from sklearn.utils.class_weight import compute_class_weight

from vitreous.losses import class_weights, positive_weights


def test_equals_scikit_learn() -> None:
    targets = torch.tensor([0] * 70 + [1] * 20 + [2] * 10)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets.numpy())
    weights = class_weights(torch.bincount(targets))
    torch.testing.assert_close(weights, torch.tensor(expected).float())
    torch.testing.assert_close(weights[targets].mean(), torch.tensor(1.0))


def test_a_class_without_examples_weighs_nothing() -> None:
    torch.testing.assert_close(
        class_weights(torch.tensor([4, 0, 4])), torch.tensor([1.0, 0.0, 1.0])
    )


def test_positives_outweigh_their_rarity_within_limits() -> None:
    weights = positive_weights(torch.tensor([10, 50, 0]), 100)
    torch.testing.assert_close(weights, torch.tensor([9.0, 1.0, 100.0]))

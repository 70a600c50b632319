from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.errors import UsageError
from vitreous.losses import cross_entropy
from vitreous.tasks import TASKS, Classify, Prediction

CLASSES = ("ant", "bee", "cat")
PROBABILITIES = np.array([[0.2, 0.7, 0.1], [0.4, 0.2, 0.4]])


def test_the_table_names_its_rows() -> None:
    assert {name: task.name for name, task in TASKS.items()} == {
        "classify": "classify",
        "label": "label",
    }


def test_decoding_ranks_and_breaks_ties_by_order() -> None:
    first, second = Classify.decode(PROBABILITIES, CLASSES, 2)
    assert first == Prediction("bee", 0.7, (("bee", 0.7), ("ant", 0.2)))
    assert second == Prediction("ant", 0.4, (("ant", 0.4), ("cat", 0.4)))


@pytest.mark.parametrize(("top", "length"), [(0, 0), (1, 1), (3, 3), (5, 3)])
def test_top_is_bounded_by_the_classes(top: int, length: int) -> None:
    assert len(Classify.decode(PROBABILITIES, CLASSES, top)[0].top) == length


def test_loss_is_one_number_an_example() -> None:
    logits, targets = torch.randn(4, 3), Classify.encode([0, 1, 2, 1])
    weights = torch.tensor([1.0, 2.0, 0.5])
    losses = Classify(smoothing=0.1, balance=weights).loss(logits, targets)
    expected = cross_entropy(logits, targets, smoothing=0.1, weights=weights, reduction="none")
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize("criterion", Classify.LOSSES)
def test_every_loss_takes_hard_and_soft_targets(criterion: str) -> None:
    task = Classify(criterion=criterion)
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    hard = torch.tensor([0, 1, 2, 1])
    soft = torch.nn.functional.one_hot(hard, 3).float()
    torch.testing.assert_close(task.loss(logits, hard), task.loss(logits, soft))


def test_probabilities_sum_to_one() -> None:
    sums = Classify.probabilities(torch.randn(5, 3)).sum(1)
    torch.testing.assert_close(sums, torch.ones(5))


def test_scores_are_those_of_evaluation() -> None:
    scores = Classify.scores(PROBABILITIES, np.array([1, 2]), CLASSES)
    assert (scores.task, scores.accuracy, scores.count) == ("classify", 0.5, 2)
    assert Classify.thresholds(PROBABILITIES, np.array([1, 2])) is None


def test_wrong_choices_are_named() -> None:
    with pytest.raises(UsageError, match="cross_entropy"):
        Classify(criterion="crossentropy")
    with pytest.raises(UsageError, match="smooth"):
        Classify(criterion="hinge", smoothing=0.1)


def test_it_says_why() -> None:
    assert Classify.explain(CLASSES) == (
        "softmax over 3 outputs with cross-entropy, because the classes exclude each other and "
        "share one unit of probability."
    )

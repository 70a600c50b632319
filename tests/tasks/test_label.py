from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.tasks import Label

CLASSES = ("sky", "sea", "dog")
PROBABILITIES = np.array([[0.9, 0.8, 0.1], [0.2, 0.3, 0.1]])


def test_never_a_softmax() -> None:
    """Two certain labels stay certain, and every label's probability is its own."""
    logits = torch.tensor([[30.0, 30.0, -30.0]])
    torch.testing.assert_close(Label.probabilities(logits), torch.tensor([[1.0, 1.0, 0.0]]))
    other = torch.tensor([[30.0, 30.0, 5.0]])
    assert torch.equal(Label.probabilities(logits)[:, :2], Label.probabilities(other)[:, :2])
    assert "sigmoid" in Label.explain(CLASSES)
    assert "softmax over" not in Label.explain(CLASSES)


def test_any_number_of_labels() -> None:
    both, none = Label.decode(PROBABILITIES, CLASSES, 1)
    assert both.label == ("sky", "sea")
    assert both.top == (("sky", 0.9),)
    assert both.score == pytest.approx(0.8)
    assert none.label == ()
    assert none.score == pytest.approx(0.7)  # that sea is absent is the least certain decision


def test_thresholds_decide() -> None:
    (found,) = Label.decode(PROBABILITIES[1:], CLASSES, 1, (0.2, 0.5, 0.05))
    assert found.label == ("sky", "dog")


def test_thresholds_are_chosen_on_the_data_given() -> None:
    generator = np.random.default_rng(0)
    truth = generator.random((200, 2)) < 0.5
    # A network that is right in order, but too shy: positives lie in 0.2 to 0.3, the rest below.
    shy = np.where(truth, 0.2, 0.1) + 0.1 * generator.random((200, 2))
    chosen = Label.thresholds(shy, truth.astype(np.uint8))
    assert all(0.1 < threshold <= 0.21 for threshold in chosen)
    perfect = Label.scores(shy, truth, ("a", "b"), chosen)
    assert perfect.accuracy == 1
    assert Label.scores(shy, truth, ("a", "b")).accuracy < 0.5  # at one half nothing is found


@pytest.mark.parametrize("criterion", Label.LOSSES)
def test_loss_is_one_number_an_example(criterion: str) -> None:
    targets = Label.encode(np.array([[1, 1, 0], [0, 0, 0]], np.uint8))
    losses = Label(criterion=criterion, balance=torch.ones(3)).loss(torch.randn(2, 3), targets)
    assert losses.shape == (2,)
    assert targets.dtype == torch.float32

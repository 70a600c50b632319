from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from vitreous.data.columns import ClassNumbers, Marks
from vitreous.errors import ModelFileError, UsageError
from vitreous.tasks import Label

CLASSES = ("sky", "sea", "dog")
PROBABILITIES = np.array([[0.9, 0.8, 0.1], [0.2, 0.3, 0.1]])
TASK = Label(classes=CLASSES)


def test_never_a_softmax() -> None:
    """Two certain labels stay certain, and every label's probability is its own."""
    logits = torch.tensor([[30.0, 30.0, -30.0]])
    torch.testing.assert_close(TASK.probabilities(logits), torch.tensor([[1.0, 1.0, 0.0]]))
    other = torch.tensor([[30.0, 30.0, 5.0]])
    assert torch.equal(TASK.probabilities(logits)[:, :2], TASK.probabilities(other)[:, :2])
    assert "sigmoid" in Label.explain(CLASSES)
    assert "softmax over" not in Label.explain(CLASSES)


def test_any_number_of_labels() -> None:
    both, none = TASK.answer(PROBABILITIES, 1)
    assert both.label == ("sky", "sea")
    assert both.top == (("sky", 0.9),)
    assert both.score == pytest.approx(0.8)
    assert none.label == ()
    assert none.score == pytest.approx(0.7)  # that sea is absent is the least certain decision
    assert none.line == "none   of sea 30.0\u202f%"


def test_thresholds_decide() -> None:
    (found,) = replace(TASK, thresholds=(0.2, 0.5, 0.05)).answer(PROBABILITIES[1:], 1)
    assert found.label == ("sky", "dog")


def test_thresholds_are_chosen_on_the_data_given() -> None:
    generator = np.random.default_rng(0)
    truth = generator.random((200, 2)) < 0.5
    # A network that is right in order, but too shy: positives lie in 0.2 to 0.3, the rest below.
    shy = np.where(truth, 0.2, 0.1) + 0.1 * generator.random((200, 2))
    task = Label(classes=("a", "b"))
    meter = task.meter()
    meter.add(torch.from_numpy(shy).logit(), {"class": torch.from_numpy(truth.astype(np.float32))})
    tuned = task.tuned(meter)
    assert tuned.thresholds is not None
    shy_thresholds = tuned.raw().thresholds  # in terms of the network's own probabilities
    assert shy_thresholds is not None
    assert all(0.1 < threshold <= 0.21 for threshold in shy_thresholds)
    assert tuned.scores(meter).accuracy == 1
    assert task.scores(meter).accuracy < 0.5  # at one half nothing is found
    again = Label.from_json(("a", "b"), tuned.to_json())
    assert again.thresholds == tuned.thresholds


@pytest.mark.parametrize("criterion", Label.LOSSES)
def test_loss_is_one_number_an_example(criterion: str) -> None:
    marks = Marks(np.array([[1, 1, 0], [0, 0, 0]]), CLASSES)
    targets: Any = marks.batch(np.arange(2))
    task = Label(classes=CLASSES, criterion=criterion, balance=torch.ones(3))
    assert task.loss(torch.randn(2, 3), {"class": targets}).shape == (2,)
    assert targets.dtype == torch.float32


def test_of_several_labels_the_worst_one_counts() -> None:
    targets = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], np.uint8)
    probabilities = np.array(
        [
            [0.9, 0.8, 0.45],  # label 1 given wrongly (0.8), label 2 withheld wrongly (0.45)
            [0.1, 0.9, 0.2],  # all right
            [0.1, 0.95, 0.2],  # label 1 given wrongly (0.95)
        ]
    )
    likelihood, ranks = replace(TASK, thresholds=(0.5, 0.5, 0.5)).judged(probabilities, targets)
    np.testing.assert_allclose(likelihood, [0.2, 0.8, 0.05])
    assert ranks == {2: 1, 0: 2}
    # A threshold decides what is wrong at all.
    likelihood, ranks = replace(TASK, thresholds=(0.5, 0.85, 0.4)).judged(probabilities, targets)
    np.testing.assert_allclose(likelihood, [0.2, 0.8, 0.05])
    assert ranks == {2: 1}


def test_data_of_one_label_ask_the_same_question_of_each() -> None:
    found = TASK.align({"class": ClassNumbers(np.array([1, 0]), ("dog", "sky"))}, "data")
    assert found.targets["class"].gather(np.arange(2)).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert any("'sea'" in note for note in found.notes)


def test_images_of_several_labels_cannot_be_drawn_by_class() -> None:
    with pytest.raises(UsageError, match="drawn by class"):
        Label.check_settings("cross_entropy", 0.0, "sampler")


@pytest.mark.parametrize("given", [[0.5], [0.5, 2.0, 0.1], "high", [0.5, 0.5, True]])
def test_thresholds_of_a_file_are_checked(given: Any) -> None:
    with pytest.raises(ModelFileError, match="one probability a class"):
        Label.from_json(CLASSES, {"thresholds": given})


def test_one_temperature_calibrates_every_label_and_thresholds_follow() -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(2000, 3, generator=generator)
    truth = (torch.rand(2000, 3, generator=generator) < honest.sigmoid()).float()
    meter = TASK.meter()
    meter.add(2.5 * honest, {"class": truth})
    tuned = TASK.tuned(meter)
    assert tuned.temperature == pytest.approx(2.5, rel=0.1)
    scores = tuned.scores(meter)
    assert scores.raw is not None
    assert scores.ece < scores.raw.ece / 3
    assert Label.from_json(CLASSES, tuned.to_json()).to_json() == tuned.to_json()
    # Without the temperature other probabilities, and the same labels.
    given, bare = tuned.decode(2.5 * honest), tuned.raw().decode(2.5 * honest)
    assert [one.label for one in given] == [one.label for one in bare]
    assert max(one.top[0][1] for one in given) < max(one.top[0][1] for one in bare)

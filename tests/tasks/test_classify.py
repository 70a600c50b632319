from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from vitreous.data.columns import ClassNumbers, Marks, Numbers
from vitreous.errors import DataError, ModelFileError, UsageError
from vitreous.losses import class_weights, cross_entropy
from vitreous.tasks import TASKS, Classify, Prediction, recognized, task_of
from vitreous.tasks.class_answers import ranked

CLASSES = ("ant", "bee", "cat")
PROBABILITIES = np.array([[0.2, 0.7, 0.1], [0.4, 0.2, 0.4]])
TASK = Classify(classes=CLASSES)


def logits(probabilities: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(probabilities).log()


def column(*numbers: int) -> dict[str, ClassNumbers]:
    return {"class": ClassNumbers(np.array(numbers), CLASSES)}


def test_the_table_names_its_rows() -> None:
    assert all(name == task.name for name, task in TASKS.items())
    assert list(TASKS)[:2] == ["classify", "label"]


def test_data_tell_which_task_they_ask() -> None:
    assert recognized({"class": ClassNumbers}) == ["classify"]
    assert recognized({"class": Marks}) == ["label"]
    assert "classify" not in recognized({"value": Numbers})
    assert recognized({}) == []
    assert task_of(column(0, 1)).classes == CLASSES
    with pytest.raises(DataError, match="unlabeled images"):
        task_of({})


def test_decoding_ranks_and_breaks_ties_by_order() -> None:
    first, second = TASK.decode(logits(PROBABILITIES), top=2)
    assert first == Prediction("bee", pytest.approx(0.7), first.top)
    assert [name for name, _ in first.top] == ["bee", "ant"]
    assert second.label == "ant"
    assert [name for name, _ in second.top] == ["ant", "cat"]


@pytest.mark.parametrize(("top", "length"), [(0, 0), (1, 1), (3, 3), (5, 3)])
def test_top_is_bounded_by_the_classes(top: int, length: int) -> None:
    assert len(TASK.answer(PROBABILITIES, top)[0].top) == length


def test_loss_is_one_number_an_example() -> None:
    outputs, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
    weights = torch.tensor([1.0, 2.0, 0.5])
    task = Classify(classes=CLASSES, smoothing=0.1, balance=weights)
    losses = task.loss(outputs, {"class": targets})
    expected = cross_entropy(outputs, targets, smoothing=0.1, weights=weights, reduction="none")
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize("criterion", Classify.LOSSES)
def test_every_loss_takes_hard_and_soft_targets(criterion: str) -> None:
    task = Classify(classes=CLASSES, criterion=criterion)
    outputs = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    hard = torch.tensor([0, 1, 2, 1])
    soft = torch.nn.functional.one_hot(hard, 3).float()
    torch.testing.assert_close(
        task.loss(outputs, {"class": hard}), task.loss(outputs, {"class": soft})
    )


def test_weights_come_from_the_training_part() -> None:
    task = Classify.of(column(0, 0, 0, 1, 1, 2), balance="weights")
    torch.testing.assert_close(task.balance, class_weights(torch.tensor([3, 2, 1])))
    assert Classify.of(column(0, 1)).balance is None


def test_one_class_teaches_nothing() -> None:
    with pytest.raises(DataError, match="all 2 training images are of the class 'bee'"):
        Classify.check_trainable(column(1, 1), "2 train", "data")
    Classify.check_trainable(column(1, 2), "2 train", "data")


def test_probabilities_sum_to_one() -> None:
    sums = TASK.probabilities(torch.randn(5, 3)).sum(1)
    torch.testing.assert_close(sums, torch.ones(5))


def test_a_meter_keeps_what_it_sees_and_two_can_be_joined() -> None:
    whole, one, other = TASK.meter(), TASK.meter(), TASK.meter()
    outputs, targets = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    whole.add(outputs, {"class": targets})
    one.add(outputs[:3], {"class": targets[:3]})
    other.add(outputs[3:], {"class": targets[3:]})
    one.merge(other)
    assert len(one) == 7
    assert TASK.scores(one).to_json() == TASK.scores(whole).to_json()


def test_scores_are_those_of_evaluation() -> None:
    meter = TASK.meter()
    meter.add(logits(PROBABILITIES), {"class": torch.tensor([1, 2])})
    scores = TASK.scores(meter)
    assert (scores.accuracy, scores.count) == (0.5, 2)
    assert TASK.tuned(meter) is TASK  # two examples tell no temperature
    (note,) = TASK.untuned(2)
    assert "2 validation images are too few" in note
    assert not TASK.untuned(50)


def overconfident(count: int = 600, factor: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of a boaster, `factor` times those that the classes are drawn from."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, 3, generator=generator)
    truth = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return factor * logits, truth


def test_the_temperature_of_the_validation_part_calibrates_other_images() -> None:
    logits, truth = overconfident(4000)
    seen, later = TASK.meter(), TASK.meter()
    seen.add(logits[:2000], {"class": truth[:2000]})
    later.add(logits[2000:], {"class": truth[2000:]})
    tuned = TASK.tuned(seen)
    assert tuned.temperature == pytest.approx(3.0, rel=0.1)
    scores, raw = tuned.scores(later), TASK.scores(later)
    assert scores.temperature == tuned.temperature
    assert scores.raw is not None
    assert (scores.raw.loss, scores.raw.ece) == (raw.loss, raw.ece)
    assert scores.loss < raw.loss
    assert scores.ece < raw.ece / 3
    for name in ("accuracy", "interval", "f1", "balanced_accuracy"):
        assert getattr(scores, name) == getattr(raw, name)
    np.testing.assert_array_equal(scores.confusion, raw.confusion)
    again = type(scores).from_json(json.loads(json.dumps(scores.to_json())))
    assert again.to_json() == scores.to_json()
    assert [section.anchor for section in tuned.sections(scores)][-1] == "uncalibrated"


def test_what_is_measured_is_what_is_predicted() -> None:
    logits, truth = overconfident()
    meter = TASK.meter()
    meter.add(logits, {"class": truth})
    tuned = TASK.tuned(meter)
    answers = tuned.decode(logits)
    assert [answer.score for answer in answers] == tuned.probable(meter).max(axis=1).tolist()
    expected = (logits.double() / tuned.temperature).softmax(1).float()
    torch.testing.assert_close(tuned.probabilities(logits), expected)
    bare = tuned.raw().decode(logits)
    assert [answer.label for answer in bare] == [answer.label for answer in answers]
    assert bare == TASK.decode(logits)
    assert Classify.from_json(CLASSES, tuned.to_json()).decode(logits) == answers


@pytest.mark.parametrize("given", [0, -1.0, 0.01, 100.0, "1", True, float("nan"), [1.0]])
def test_the_temperature_of_a_file_is_checked(given: object) -> None:
    with pytest.raises(ModelFileError, match="the temperature is"):
        Classify.from_json(CLASSES, {"temperature": given})


def test_mistakes_are_ranked_by_how_certain_they_were() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    likelihood, ranks = Classify(classes=("a", "b")).judged(probabilities, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(likelihood, [0.9, 0.2, 0.4, 0.7])
    assert ranks == {1: 1, 2: 2}


def test_classes_are_met_by_name() -> None:
    found = TASK.align({"class": ClassNumbers(np.array([0, 1, 2]), ("cat", "wasp", "ant"))}, "data")
    assert found.targets["class"].gather(np.array([0, 2])).tolist() == [2, 0]
    assert found.known.tolist() == [True, False, True]
    assert any("'wasp'" in note for note in found.notes)
    with pytest.raises(DataError, match="several labels, and the model gives one"):
        TASK.align({"class": Marks(np.ones((3, 3)), CLASSES)}, "data")
    rows = TASK.align({"class": Marks(np.eye(3)[[2, 0]], CLASSES)}, "data")  # one label each
    assert rows.targets["class"].gather(np.array([0, 1])).tolist() == [2, 0]
    with pytest.raises(DataError, match="do not have what the model was trained for"):
        TASK.align({"value": Numbers(np.ones((3, 1)), ("age",))}, "data")


def test_wrong_choices_are_named() -> None:
    with pytest.raises(UsageError, match="cross_entropy"):
        Classify(criterion="crossentropy")
    with pytest.raises(UsageError, match="smooth"):
        Classify(criterion="hinge", smoothing=0.1)


def test_a_file_needs_classes_and_nothing_else() -> None:
    assert Classify.from_json(CLASSES, {}).classes == CLASSES
    with pytest.raises(ModelFileError, match="no classes"):
        Classify.from_json((), {})
    with pytest.raises(ModelFileError, match="decoding"):
        Classify.from_json(CLASSES, {"thresholds": [0.1, 0.2, 0.3]})


def test_it_says_why() -> None:
    assert Classify.explain(CLASSES) == (
        "softmax over 3 outputs with cross-entropy, because the classes exclude each other and "
        "share one unit of probability."
    )


@pytest.mark.parametrize("top", [1, 2, 5, 9, 20])
def test_the_most_probable_are_those_of_a_whole_sort(top: int) -> None:
    """Of equally probable ones, of which there are many here, the first comes first."""
    row = np.random.default_rng(top).integers(0, 4, 9) / 4
    expected = np.argsort(-row, kind="stable")[:top]
    assert ranked(row, "abcdefghi", top) == tuple(("abcdefghi"[c], row[c]) for c in expected)


def test_probabilities_are_the_same_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Classify(classes=tuple("abcdefg"), temperature=1.7)
    logits = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    meter = task.meter()
    meter.add(logits, {"class": torch.arange(50) % 7})
    monkeypatch.setattr("vitreous.metrics.answers.CHUNK", 3 * 7)
    assert np.array_equal(task.probable(meter), task.probabilities(logits).double().numpy())

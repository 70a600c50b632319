"""The last look at held-out images: scores, baselines, a table of answers, ranks of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.data.formats.open import open
from vitreous.files import read_json, read_table
from vitreous.runs.measuring import COLUMNS, judged
from vitreous.data.dataset import label_text
from vitreous.runs.run import Run, train

QUICK: dict[str, Any] = {"model": "lenet5", "size": 28, "epochs": 3}


def table(run: Run, part: str) -> list[dict[str, str]]:
    return [row for row in read_table(run.folder.predictions) if row["part"] == part]


def test_predictions_agree_with_scores_and_with_predict(photos: Path) -> None:
    run = train(photos, **QUICK)
    for part in ("validation", "test"):
        rows, scores = table(run, part), run.scores[part]
        assert tuple(rows[0]) == COLUMNS
        assert len(rows) == scores.count
        right = [row["label"] == row["predicted"] for row in rows]
        assert right == [row["correct"] == "1" for row in rows]
        assert np.mean(right) == pytest.approx(scores.accuracy)
        # The loss is what the likelihoods say.
        likelihoods = np.array([float(row["likelihood"]) for row in rows])
        assert -np.log(likelihoods).mean() == pytest.approx(scores.loss, abs=1e-4)
    answers = run.model.predict([photos / row["path"] for row in table(run, "test")])
    for answer, row in zip(answers, table(run, "test"), strict=True):
        assert answer.label == row["predicted"]
        assert answer.score == pytest.approx(float(row["score"]), abs=1e-5)


def test_baselines_give_the_scores_a_scale(photos: Path) -> None:
    run = train(photos, **QUICK)
    for scores in run.scores.values():
        assert [baseline.name for baseline in scores.baselines] == ["majority", "neighbor"]
    test = table(run, "test")
    train_labels = [r["label"] for r in read_table(run.folder.split) if r["split"] == "train"]
    most = max(sorted(set(train_labels)), key=train_labels.count)
    majority = run.scores["test"].baselines[0].accuracy
    assert majority == pytest.approx(np.mean([row["label"] == most for row in test]))


def test_the_numbers_on_disk_are_those_of_the_run(photos: Path) -> None:
    run = train(photos, **QUICK)
    written = read_json(run.folder.scores)
    assert run.summary() == {"run": str(run.folder.path), **written}
    assert written["scores"]["test"]["accuracy"] == run.scores["test"].accuracy
    assert written["scores"]["test"]["interval"] == list(run.scores["test"].interval)
    assert set(written["timings"]) == {"reading", "training", "measuring"}
    assert written["seconds"] >= sum(written["timings"].values()) * 0.999


def test_mistakes_are_ranked_by_how_certain_they_were() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    likelihood, ranks = judged(probabilities, np.array([0, 0, 0, 1]), None)
    np.testing.assert_allclose(likelihood, [0.9, 0.2, 0.4, 0.7])
    assert ranks == {1: 1, 2: 2}


def test_of_several_labels_the_worst_one_counts() -> None:
    targets = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], np.uint8)
    probabilities = np.array(
        [
            [0.9, 0.8, 0.45],  # label 1 given wrongly (0.8), label 2 withheld wrongly (0.45)
            [0.1, 0.9, 0.2],  # all right
            [0.1, 0.95, 0.2],  # label 1 given wrongly (0.95)
        ]
    )
    likelihood, ranks = judged(probabilities, targets, (0.5, 0.5, 0.5))
    np.testing.assert_allclose(likelihood, [0.2, 0.8, 0.05])
    assert ranks == {2: 1, 0: 2}
    # A threshold decides what is wrong at all.
    likelihood, ranks = judged(probabilities, targets, (0.5, 0.85, 0.4))
    np.testing.assert_allclose(likelihood, [0.2, 0.8, 0.05])
    assert ranks == {2: 1}


def test_labels_in_words(labels: Path, photos: Path) -> None:
    dataset = open(photos)
    assert label_text(dataset, 0) == dataset.classes[dataset.targets[0]]
    dataset = open(labels)
    words = {label_text(dataset, index) for index in range(len(dataset))}
    assert {"none", "left", "left, right"} <= words

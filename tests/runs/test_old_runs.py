"""Run folders from before targets became columns: they load, are reported and go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from vitreous.files import read_json, read_lines, read_table
from vitreous.inference.model_file import load
from vitreous.report.build import write_report
from vitreous.runs.evaluate import evaluate
from vitreous.runs.run import resume

OLD = Path(__file__).parent / "old_runs"


@pytest.fixture
def old(place: Path) -> Path:
    return Path(shutil.copytree(OLD, place / "old"))


def test_a_finished_run_is_measured_again_to_the_same_numbers(old: Path) -> None:
    written = read_json(old / "finished" / "scores.json")["scores"]["test"]
    found = evaluate(old / "finished", "digits").to_json()
    scores = found["scores"]["test"]
    assert scores["accuracy"] == pytest.approx(written["accuracy"])
    assert scores["loss"] == pytest.approx(written["loss"], rel=1e-4)
    assert scores["confusion"] == written["confusion"]
    assert any("used once before" in note for note in found["notes"])


def test_its_answers_are_those_of_then(old: Path) -> None:
    from vitreous.data.formats.open import open

    model, digits = load(old / "finished"), open("digits")
    rows = {digits.id(index): index for index in range(len(digits))}
    for row in read_table(old / "finished" / "predictions.csv")[:40]:
        answer = model.predict(digits.read(rows[row["path"]]))
        assert answer.label == row["predicted"]
        assert answer.score == pytest.approx(float(row["score"]), abs=1e-4)


@pytest.mark.parametrize("name", ["finished", "labels"])
def test_its_report_is_written_anew(old: Path, name: str) -> None:
    page = write_report(old / name).read_text(encoding="utf-8")
    assert "linear" in page
    assert ("data are not here any more" in page) == (name == "labels")
    assert ("Confusion" in page) == (name == "finished")


def test_thresholds_of_labels_are_read(old: Path) -> None:
    task = load(old / "labels").task
    assert task.classes == ("red", "blue")
    assert len(task.to_json()["thresholds"]) == 2


def test_an_interrupted_run_goes_on_to_the_weights_of_an_uninterrupted_one(old: Path) -> None:
    run = resume(old / "interrupted")
    found = load_file(run.folder.model)
    for name, expected in load_file(old / "finished" / "model.safetensors").items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-6)
    rows = read_lines(run.folder.metrics)
    for row, then in zip(rows, read_lines(old / "finished" / "metrics.jsonl"), strict=True):
        assert row.keys() == then.keys()
        assert row["validation_loss"] == pytest.approx(then["validation_loss"], rel=1e-4)
        # Then it was the mean of the steps' means, with a last step of few examples.
        assert row["train_loss"] == pytest.approx(then["train_loss"], rel=0.05)

"""A run in pieces: parts that are handed in, and a test part touched only where it is meant."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.data.dataset import Part
from vitreous.data.formats.open import open
from vitreous.data.splits.folds import folds
from vitreous.data.splits.split import Split, split
from vitreous.errors import DataError, RunError, UsageError
from vitreous.files import read_json, read_table
from vitreous.progress.progress import silent
from vitreous.run_folder import RunFolder
from vitreous.runs.evaluate import evaluate, measure
from vitreous.runs.interrupt import Interrupt
from vitreous.runs.job import prepare
from vitreous.runs.run import resume, train
from vitreous.runs.run_stages import learn, read_images
from vitreous.runs.setup import build

QUICK: dict[str, Any] = {"model": "linear", "epochs": 2, "size": 16}


def fold_of(data: str | Path, number: int) -> Split:
    """One of three folds as a split without a test part."""
    dataset = open(data)
    parts = np.full(len(dataset), Part.TRAIN, np.int8)
    parts[folds(dataset, 3)[number][1]] = Part.VALIDATION
    return Split(parts)


def test_a_fold_is_trained_on_and_measured(photos: Path) -> None:
    fold = fold_of(photos, 1)
    run = train(photos, parts=fold, **QUICK)
    assert run.scores.keys() == {"validation"}
    assert run.scores["validation"].count == (fold.parts == Part.VALIDATION).sum()
    written = [row["split"] for row in read_table(run.folder.split)]
    assert [word == "val" for word in written] == (fold.parts == Part.VALIDATION).tolist()


def test_evaluation_reads_the_split_of_the_run(photos: Path) -> None:
    """The recipe's shares would give other parts: images that the network has learned."""
    fold = fold_of(photos, 0)
    run = train(photos, parts=fold, **QUICK)
    again = evaluate(run.folder.path, photos, split="validation").to_json()["scores"]["validation"]
    assert again["count"] == (fold.parts == Part.VALIDATION).sum()
    assert again["accuracy"] == run.scores["validation"].accuracy
    shares = split(open(photos)).parts
    assert ((shares == Part.VALIDATION) != (fold.parts == Part.VALIDATION)).any()


def test_of_other_data_a_model_with_parts_handed_in_knows_no_part(photos: Path) -> None:
    run = train(photos, parts=fold_of(photos, 0), **QUICK)
    shutil.copytree(photos, photos.parent / "more")
    shutil.copy(photos / "ant" / "0.png", photos.parent / "more" / "ant" / "new.png")
    with pytest.raises(DataError, match="parts that were handed in") as caught:
        evaluate(run.folder.path, photos.parent / "more", split="validation")
    assert "--split all" in str(caught.value.remedy)
    assert evaluate(run.folder.path, photos.parent / "more", split="all")


def test_a_run_with_parts_handed_in_is_resumed(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitreous.runs.consumers import Checkpoints

    fold, save = fold_of(photos, 2), Checkpoints.save
    whole = train(photos, parts=fold, out="whole", checkpoint=0.0, **QUICK)

    def interrupted(self: Any, state: Any, **parts: Any) -> None:
        save(self, state, **parts)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoints, "save", interrupted)
        train(photos, parts=fold, out="cut", checkpoint=0.0, **QUICK)
    shutil.copytree("cut", "gone")
    again = resume("cut")
    assert again.folder.model.read_bytes() == whole.folder.model.read_bytes()
    Path("gone/split.csv").unlink()
    with pytest.raises(RunError, match="split that this run was started with is gone"):
        resume("gone")


def test_a_split_of_other_data_is_refused(photos: Path) -> None:
    with pytest.raises(UsageError, match="a split of 7 examples for 60 images"):
        train(photos, parts=Split(np.zeros(7, np.int8)), **QUICK)
    assert not Path("runs").exists()


def test_a_search_never_touches_the_test_part(photos: Path) -> None:
    """Each line of a run can be called alone: nothing is scored, written or used but what is
    asked for.
    """
    progress = silent()
    job = prepare(photos, progress=progress, **QUICK)
    folder = RunFolder.create("trial")
    job.write(folder)
    with Interrupt() as interrupt:
        setup = build(job, read_images(job, folder, progress), progress)
        history = learn(setup, folder, progress, interrupt)
    found = measure(setup, setup.bundle(history), progress, parts=(Part.VALIDATION,))
    assert found.scores.keys() == {"validation"}
    assert {row[1] for row in found.rows} == {"validation"}
    assert not folder.finished
    assert not folder.report.exists()
    assert not folder.events("test")
    # The whole run ends with the same scores.
    run = train(photos, **QUICK)
    assert found.scores["validation"].to_json() == run.scores["validation"].to_json()
    assert len(run.folder.events("test")) == 1
    assert run.folder.events("test")[0]["earlier"] == 0


def test_each_use_of_a_test_part_is_recorded_with_the_data(photos: Path) -> None:
    """Another run, another folder, other names: it is the images that were looked at."""
    first = train(photos, **QUICK)
    second = train(photos, seed=1, **QUICK)
    assert [run.folder.events("test")[0]["earlier"] for run in (first, second)] == [0, 1]
    assert not any("used" in note for note in first.summary()["notes"])
    assert any("used once before" in note for note in second.summary()["notes"])
    assert "scored 2 times, over all runs" in second.report_path.read_text()
    assert "times, over all runs" not in first.report_path.read_text()
    shutil.move(photos, photos.parent / "renamed")
    summary = evaluate(first.model, photos.parent / "renamed")
    assert any("used twice before" in note for note in summary.notes)
    # Validation may be used for choosing.
    evaluate(first.model, photos.parent / "renamed", split="validation")
    assert any(
        "used 3 times before" in note
        for note in evaluate(second.folder.path, photos.parent / "renamed").notes
    )


def test_a_run_folder_that_moved_still_tells_its_uses(photos: Path, place: Path) -> None:
    run = train(photos, **QUICK)
    shutil.rmtree(place / "cache" / "test-uses")
    moved = shutil.move(run.folder.path, place / "moved")
    notes = evaluate(moved, photos).notes
    assert any("used once before" in note for note in notes)


def test_class_counts_are_kept_for_the_report(photos: Path) -> None:
    run = train(photos, **QUICK)
    counts = read_json(run.folder.scores)["data"]["counts"]
    assert counts.keys() == {"train", "validation", "test"}
    assert sum(counts["train"].values()) == run.model.training["examples"]["train"]


def test_unlabeled_images_open_and_are_refused_by_training(photos: Path) -> None:
    images = np.stack([open(photos).read(row) for row in range(8)])
    dataset = open(images)
    assert (len(dataset), dataset.classes, dict(dataset.targets)) == (8, (), {})
    with pytest.raises(UsageError, match="no labels") as caught:
        train(images, **QUICK)
    assert "one folder a class" in str(caught.value.remedy)

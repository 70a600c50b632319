"""A task that is chosen by name reads the targets as it asks for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vitreous as vt
from vitreous.data.columns import ClassNumbers, Marks, Numbers
from vitreous.data.formats.arrays import from_arrays
from vitreous.errors import DataError, UsageError
from vitreous.progress.progress import silent
from vitreous.runs.evaluate import evaluate
from vitreous.runs.job import prepare
from vitreous.runs.run import train
from vitreous.tasks.asked import as_asked

QUICK = {"model": "linear", "epochs": 1, "test": 0.0}


@pytest.fixture
def one_hot(photos: Path) -> Path:
    """A table with one column for each class."""
    names = ("ant", "bee", "cat")
    rows = [
        ",".join([f"photos/{name}/{number}.png", *(str(int(name == other)) for other in names)])
        for name in names
        for number in range(20)
    ]
    path = photos.parent / "one_hot.csv"
    path.write_text("\n".join([f"path,{','.join(names)}", *rows]))
    return path


def test_one_hot_rows_are_one_label_or_several(one_hot):
    assert train(one_hot, **QUICK).model.task.name == "classify"
    run = train(one_hot, task="label", **QUICK)
    assert run.model.task.name == "label"
    again = evaluate(run.folder.path, one_hot, split="validation")
    assert again.scores["validation"].count == run.scores["validation"].count


def test_class_folders_may_be_learned_as_labels(photos):
    job = prepare(photos, task="label", progress=silent(), **QUICK)
    column = job.dataset.targets["class"]
    assert isinstance(column, Marks)
    assert (column.array.sum(axis=1) == 1).all()
    assert job.dataset.fingerprint != vt.open(photos).fingerprint
    assert isinstance(vt.open(photos).targets["class"], ClassNumbers)


def test_a_data_set_that_was_handed_in_stays_as_it_is(photos):
    data = vt.open(photos)
    print_of = data.fingerprint
    assert as_asked(data, "label").fingerprint != print_of
    assert isinstance(data.targets["class"], ClassNumbers)
    assert data.fingerprint == print_of
    assert as_asked(data, "classify") is data
    assert as_asked(data, "auto") is data


def test_labels_that_are_numbers_may_be_quantities():
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    ages = np.arange(30) * 3 % 31
    data = from_arrays(images, ages)
    assert any("train with --task regress" in getattr(note, "remedy", "") for note in data.notes)
    job = prepare(data, task="regress", progress=silent(), **QUICK)
    column = job.dataset.targets["value"]
    assert isinstance(column, Numbers)
    assert column.array[:, 0].tolist() == ages.tolist()


def test_words_are_no_quantities(photos):
    with pytest.raises(DataError, match="the label 'ant' is no number"):
        prepare(photos, task="regress", progress=silent(), **QUICK)


def test_marks_of_one_each_may_be_classes():
    images = np.zeros((6, 4, 4, 1), np.uint8)
    data = from_arrays(images, np.eye(3)[[0, 1, 2, 0, 1, 2]])
    marks = as_asked(data, "label")
    assert isinstance(marks.targets["class"], Marks)
    back = as_asked(marks, "classify").targets["class"]
    assert isinstance(back, ClassNumbers)
    assert back.array.tolist() == [0, 1, 2, 0, 1, 2]
    several = from_arrays(images, np.tri(6))
    with pytest.raises(UsageError, match="several labels"):
        prepare(several, task="classify", progress=silent(), **QUICK)

"""The last look: the network that will be saved, asked about every held-out image."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitreous.atomic import write_text
from vitreous.data.dataset import Dataset, Part
from vitreous.data.pack import Rows
from vitreous.experiment.course import Course
from vitreous.experiment.evaluation import answers, use_test
from vitreous.experiment.folder import RunFolder
from vitreous.experiment.progress import Progress
from vitreous.export.bundle import Bundle
from vitreous.metrics.baselines import majority, nearest_neighbor
from vitreous.metrics.scores import Scores
from vitreous.tasks import TASKS


class Chosen:
    """Some rows of a pack, looked up one at a time, so that they are never all copied."""

    def __init__(self, rows: Rows, ids: NDArray[np.int64]):
        self.rows, self.ids = rows, ids
        self.shape = (len(ids), *rows.shape[1:])

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> NDArray[np.uint8]:
        return self.rows[int(self.ids[position])]


COLUMNS = ("path", "part", "label", "predicted", "score", "correct")


def measure(
    bundle: Bundle, course: Course, folder: RunFolder, progress: Progress
) -> tuple[Bundle, dict[str, Scores]]:
    """Score the validation and test parts, with baselines for scale; write predictions.csv.

    Returns the bundle, with thresholds chosen on validation where labels need them, and the scores
    by part. The use of the test part is written into the journal.
    """
    task, dataset = TASKS[bundle.task], course.dataset
    found: dict[str, Scores] = {}
    rows: list[tuple[object, ...]] = []
    for part in (Part.VALIDATION, Part.TEST):
        ids, name = course.ids[part], part.name.lower()
        if not len(ids):
            continue
        targets = dataset.targets[ids]
        probabilities = answers(
            bundle, course.packed.rows, ids, progress.task(f"measuring on the {name} part")
        )
        if part is Part.VALIDATION:
            bundle = replace(bundle, thresholds=task.thresholds(probabilities, targets))
        scores = task.scores(probabilities, targets, bundle.classes, bundle.thresholds)
        train = course.ids[Part.TRAIN]
        labels, count = dataset.targets[train], len(bundle.classes)
        pixels, asked = Chosen(course.packed.rows, train), Chosen(course.packed.rows, ids)
        chance = majority(labels, targets, count)
        neighbor = nearest_neighbor(pixels, labels, asked, targets, count)
        found[name] = replace(scores, baselines=(chance, neighbor))
        rows += _rows(bundle, dataset, ids, name, probabilities)
        if part is Part.TEST:
            use_test(folder, dataset, scores)
    _write(folder.predictions, rows)
    return bundle, found


def _rows(
    bundle: Bundle,
    dataset: Dataset,
    ids: NDArray[np.int64],
    part: str,
    probabilities: NDArray[np.float64],
) -> list[tuple[object, ...]]:
    decoded = TASKS[bundle.task].decode(probabilities, bundle.classes, 1, bundle.thresholds)
    rows: list[tuple[object, ...]] = []
    for index, prediction in zip(ids.tolist(), decoded, strict=True):
        truth = label_text(dataset, index)
        right = truth == prediction.text
        score = f"{prediction.score:.6f}"
        rows.append((dataset.id(index), part, truth, prediction.text, score, int(right)))
    return rows


def label_text(dataset: Dataset, index: int) -> str:
    """The true label or labels of an example, written as `Prediction.text` writes them."""
    target = dataset.targets[index]
    if dataset.multilabel:
        return ", ".join(dataset.classes[i] for i in np.flatnonzero(target)) or "none"
    return dataset.classes[int(target)]


def _write(path: Path, rows: Sequence[tuple[object, ...]]) -> None:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    write_text(path, file.getvalue())

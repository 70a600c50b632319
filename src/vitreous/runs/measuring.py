"""The last look: the network that will be saved, asked about every held-out image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Dataset, Part, label_text
from vitreous.data.batches.pack import Rows
from vitreous.runs.setup import Course
from vitreous.runs.evaluate import answers
from vitreous.run_folder import RunFolder
from vitreous.files import write_table
from vitreous.progress.progress import Progress
from vitreous.inference.model_file import Bundle
from vitreous.metrics.trivial import majority, nearest_neighbor
from vitreous.metrics.mistakes import worst, worst_labels
from vitreous.metrics.scores import Scores
from vitreous.tasks import TASKS
from vitreous.tasks.label import THRESHOLD


class Chosen:
    """Some rows of a pack, looked up one at a time, so that they are never all copied."""

    def __init__(self, rows: Rows, ids: NDArray[np.int64]):
        self.rows, self.ids = rows, ids
        self.shape = (len(ids), *rows.shape[1:])

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> NDArray[np.uint8]:
        return self.rows[int(self.ids[position])]


COLUMNS = ("path", "part", "label", "predicted", "score", "likelihood", "correct", "rank")
RANKED = 240  # mistakes of a part that get a rank


def measure(
    bundle: Bundle, course: Course, folder: RunFolder, progress: Progress
) -> tuple[Bundle, dict[str, Scores]]:
    """Score the validation and test parts, with baselines for scale; write predictions.csv.

    Returns the bundle, with thresholds chosen on validation where labels need them, and the scores
    by part.
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
    write_table(folder.predictions, COLUMNS, rows)
    return bundle, found


def _rows(
    bundle: Bundle,
    dataset: Dataset,
    ids: NDArray[np.int64],
    part: str,
    probabilities: NDArray[np.float64],
) -> list[tuple[object, ...]]:
    decoded = TASKS[bundle.task].decode(probabilities, bundle.classes, 1, bundle.thresholds)
    likelihood, ranks = judged(probabilities, dataset.targets[ids], bundle.thresholds)
    rows: list[tuple[object, ...]] = []
    for place, (index, prediction) in enumerate(zip(ids.tolist(), decoded, strict=True)):
        truth = label_text(dataset, index)
        rows.append(
            (
                dataset.id(index),
                part,
                truth,
                prediction.text,
                f"{prediction.score:.6f}",
                f"{likelihood[place]:.6f}",
                int(truth == prediction.text),
                ranks.get(place, ""),
            )
        )
    return rows


def judged(
    probabilities: NDArray[np.float64],
    targets: NDArray[Any],
    thresholds: Sequence[float] | None,
) -> tuple[NDArray[np.float64], dict[int, int]]:
    """(N,) the probability that the model gave the truth, and the rank of the mistakes that it was
    most certain of, from 1, by row. Of several labels, the one counts that it errs on most.
    """
    if targets.ndim == 1:
        cases = worst(probabilities, targets, RANKED)
        ranks = {case.index: rank for rank, case in enumerate(cases, 1)}
        return probabilities[np.arange(len(targets)), targets], ranks
    cuts = np.full(targets.shape[1], THRESHOLD) if thresholds is None else np.asarray(thresholds)
    likelihood = np.where(targets > 0, probabilities, 1 - probabilities).min(axis=1)
    ranks = {}
    for wrong in worst_labels(probabilities, targets, cuts, RANKED):
        if wrong.index not in ranks:
            ranks[wrong.index] = len(ranks) + 1
            given = wrong.probability
            likelihood[wrong.index] = 1 - given if wrong.given else given
    return likelihood, ranks

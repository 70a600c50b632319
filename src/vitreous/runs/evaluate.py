"""A model measured on data: the pixel contract, the classes by name, the part, the scores.

The model file decides how pixels are made; the data decide what is true. Where they disagree about
classes, it is said, and what the model cannot know is left out of the scores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.formats import counted
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.open import open as open_data
from vitreous.data.batches.pack import Pack, Rows, pack
from vitreous.data.splits.split import split as assign
from vitreous.errors import DataError, UsageError
from vitreous.run_folder import RunFolder
from vitreous.progress.progress import Progress, silent
from vitreous.formats import moment, times
from vitreous.inference.model_file import Bundle, load
from vitreous.metrics.align import align
from vitreous.metrics.scores import Scores
from vitreous.tasks import TASKS
from vitreous.tasks.label import Label

SPLITS = ("train", "validation", "test", "all")
PIXELS = 4 << 20  # of the images that are predicted together


def evaluate(
    model: str | Path | Bundle,
    data: object,
    *,
    split: str = "test",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a model on one part of data.

    model  a run folder, a model file, or a loaded one
    data   whatever `vt.open` takes
    split  train, validation, test or all

    Returns {"run", "model", "task", "seconds", "scores": {split: ...}, "notes": [...]}; each use of
    the test part is written into the run's journal, and from the second on there is a note.
    Raises DataError if that part is empty, if no class is known to the model, or if images or
    labels are of another kind than its own.
    """
    start = time.perf_counter()
    shown = progress or silent()
    bundle = model if isinstance(model, Bundle) else load(model)
    dataset = open_data(data)
    _check_fit(bundle, dataset)
    alignment = align(bundle.classes, dataset.classes)
    targets, known = alignment.targets(dataset.targets)
    if TASKS[bundle.task] is Label and targets.ndim == 1:
        targets = np.equal.outer(targets, np.arange(len(bundle.classes))).astype(np.uint8)
    indices = _part(dataset, split, bundle)
    packed = pack(dataset, bundle.contract, progress=shown.task("reading images"))
    notes = [*dataset.notes, *_bad(packed, indices), *alignment.describe()]
    indices = indices[packed.good[indices] & known[indices]]
    if not len(indices):
        raise DataError(
            f"the {split} part has no image that can be read and that the model could know",
            where=dataset.name,
            remedy="`vitreous check` lists what is wrong with each file.",
        )
    probabilities = answers(bundle, packed.rows, indices, shown.task("predicting"))
    scores = TASKS[bundle.task].scores(
        probabilities, targets[indices], bundle.classes, bundle.thresholds
    )
    run = None if isinstance(model, Bundle) else _run_of(Path(model))
    if run is not None and split == "test":
        notes += use_test(run, dataset, scores)
    return {
        "run": str(run.path) if run else None,
        "model": bundle.architecture,
        "task": bundle.task,
        "seconds": time.perf_counter() - start,
        "scores": {split: scores.to_json()},
        "notes": notes,
    }


def _check_fit(bundle: Bundle, dataset: Dataset) -> None:
    """Raises DataError where the model cannot answer what these data ask."""
    wanted, found = bundle.contract.channels, dataset.channels
    if wanted != found and not {wanted, found} <= {1, 3}:
        raise DataError(
            f"images of {found} channels, and the model takes {wanted}",
            where=dataset.name,
            remedy="Only gray and RGB convert into each other: evaluate on images like those of "
            "training.",
        )
    if dataset.multilabel and TASKS[bundle.task] is not Label:
        raise DataError(
            "images with several labels, and the model gives one",
            where=dataset.name,
            remedy="Evaluate on data with one label an image.",
        )


def _run_of(model: Path) -> RunFolder | None:
    """The run that a folder or a model file belongs to."""
    folder = RunFolder(model if model.is_dir() else model.parent)
    return folder if folder.recipe.is_file() else None


def answers(
    bundle: Bundle,
    rows: Rows,
    indices: NDArray[np.int64],
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """(N, L) probabilities for the rows `indices`, as the model file would give them."""
    height, width, channels = bundle.contract.shape
    step = max(1, min(512, PIXELS // (height * width * channels)))
    parts = [np.zeros((0, len(bundle.classes)))]
    for first in range(0, len(indices), step):
        chunk = indices[first : first + step]
        parts.append(bundle.probabilities(bundle.contract.images(rows[chunk])))
        if progress:
            progress(first + len(chunk), len(indices))
    return np.concatenate(parts)


def use_test(folder: RunFolder, dataset: Dataset, scores: Scores) -> list[str]:
    """Write a use of the test part into the journal; returns a warning from the second use on."""
    earlier = [use for use in folder.events("test") if use.get("data") == dataset.fingerprint]
    folder.log_event("test", data=dataset.fingerprint, examples=scores.count, value=scores.value)
    if not earlier:
        return []
    return [
        f"this test part was used {times(len(earlier))} before (first "
        f"{moment(earlier[0]['time'])}): a number that has been looked at while choosing is no "
        "test any more"
    ]


def _part(dataset: Dataset, split: str, bundle: Bundle) -> NDArray[np.int64]:
    """Row numbers of the part that this model's training would have kept for it."""
    if split == "all":
        return np.arange(len(dataset))
    if split not in SPLITS:
        raise UsageError(
            f"unknown part '{split}'", where="--split", remedy=f"Known: {', '.join(SPLITS)}."
        )
    shares = bundle.training.get("split", {})
    parts = assign(dataset, **shares)
    indices = parts.indices(Part[split.upper()])
    if not len(indices):
        sizes = ", ".join(f"{name} {count:,}" for name, count in parts.sizes().items() if count)
        raise DataError(
            f"there is no {split} part; there is: {sizes}",
            where=dataset.name,
            remedy="Choose one of these with --split, or `--split all`.",
        )
    return indices


def _bad(packed: Pack, indices: NDArray[np.int64]) -> list[str]:
    asked = set(indices.tolist())
    bad = [image for image in packed.bad if image.index in asked]
    if not bad:
        return []
    return [f"left out as unreadable: {counted(len(bad), 'image')}, such as {bad[0].id}"]

"""Evaluation: final scores on validation and test, and a model file measured on any data.

Preprocessing comes from the model file, truth from the data set. Classes meet by name; where model
and data disagree about them it is said, and what the model cannot know is left out of the scores.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.batches.pack import Pack, Rows, pack
from vitreous.data.dataset import Dataset, Part
from vitreous.data.splits.split import Split
from vitreous.data.splits.split import split as assign
from vitreous.data.splits.test_uses import record
from vitreous.errors import DataError, UsageError
from vitreous.files import read_yaml
from vitreous.formats import counted, moment, times
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.rejection import SHARE, Rejection
from vitreous.metrics.score import Scores
from vitreous.progress.choose import following
from vitreous.progress.progress import Progress
from vitreous.run_folder import RunFolder
from vitreous.runs.classic_fit import rivals
from vitreous.runs.evaluation import Evaluation
from vitreous.runs.run_engine import evaluated_by
from vitreous.runs.setup import TrainingSetup
from vitreous.tasks.asked import opened
from vitreous.tasks.task import Columns, Ids

SPLITS = ("train", "validation", "test", "all")


@dataclass(frozen=True)
class Measurement:
    """A trained network measured on parts of its data.

    bundle   the model file's content, with what its task chose on validation data
    scores   by the name of the part
    columns  of `rows`, the answers to all examples: path, part, and what the task tells
    notes    what could not be chosen on validation data, one sentence each
    """

    bundle: Bundle
    scores: dict[str, Scores]
    columns: tuple[str, ...] = ("path", "part")
    rows: tuple[tuple[Any, ...], ...] = ()
    notes: tuple[str, ...] = ()


def measure(
    setup: TrainingSetup,
    bundle: Bundle,
    progress: Progress,
    parts: Sequence[Part] = (Part.VALIDATION, Part.TEST),
) -> Measurement:
    """Score parts of the data, with baselines for scale; validation comes first, since the task may
    choose thresholds by it. A search leaves the test part out of `parts`.
    """
    notes = bundle.task.untuned(len(setup.ids[Part.VALIDATION]))
    for note in notes:
        progress.note(note)
    found = Measurement(bundle, {}, notes=tuple(notes))
    train = setup.ids[Part.TRAIN]
    others = rivals(setup, progress)
    for part in parts:
        ids, name = setup.ids[part], part.name.lower()
        if not len(ids):
            continue
        shown = progress.task(f"measuring on the {name} part")
        heard: list[Tensor | None] = []
        hear = partial(_hear, found.bundle, heard) if part is Part.VALIDATION else None
        meter = found.bundle.measure(setup.rows, setup.targets, ids, shown, hear, setup.ranks)
        task, rejection = found.bundle.task, found.bundle.rejection
        if part is Part.VALIDATION:
            task, rejection = task.tuned(meter), by_energy_of(setup.ranks.gathered(heard))
        rules = task.baselines(setup.rows, setup.targets, train, ids)
        rules += tuple(other.rule(setup, ids) for other in others)
        taken = {column: values.take(ids) for column, values in setup.targets.items()}
        columns, rows = task.table(meter, taken)
        named = [(setup.dataset.id(i), name, *row) for i, row in zip(ids, rows, strict=True)]
        found = Measurement(
            replace(found.bundle, task=task, rejection=rejection),
            {**found.scores, name: task.scores(meter, rules)},
            ("path", "part", *columns),
            (*found.rows, *named),
            found.notes,
        )
    return found


def _hear(bundle: Bundle, heard: list[Tensor | None], outputs: Any) -> None:
    heard.append(bundle.task.strangeness(outputs))


def by_energy_of(heard: Sequence[Tensor | None]) -> Rejection | None:
    """When an image is refused, by how strange the answers to validation images were; None where
    answers do not tell.
    """
    told = [found.double().cpu().numpy() for found in heard if found is not None]
    if not told:
        return None
    return Rejection.chosen("energy", np.concatenate(told), SHARE)


def evaluate(
    model: str | Path | Bundle,
    data: object,
    *,
    split: str = "test",
    progress: Progress | bool | None = None,
) -> Evaluation:
    """Measure a model on one part of data.

    model     a run folder, a model file, or a loaded one
    data      whatever `vt.open` takes
    split     train, validation, test or all
    progress  as for `train`

    `vt.evaluate(run, data).scores["test"].accuracy` is a number. Each use of a test part is
    recorded with the data, and in the run's journal; from the second on there is a note. Raises
    DataError if that part is empty, if no class is known to the model, or if images or targets are
    of another kind than its own.
    """
    with following(progress) as shown:
        return _evaluate(model, data, split, shown)


def _evaluate(model: str | Path | Bundle, data: object, split: str, shown: Progress) -> Evaluation:
    start = time.perf_counter()
    bundle = model if isinstance(model, Bundle) else load(model)
    run = None if isinstance(model, Bundle) else run_of(Path(model))
    part = open_part(bundle, data, split, run, shown)
    chosen: list[str] = []
    if run is not None:
        bundle = evaluated_by(run, bundle, part.rows, part.ids, chosen.append)
    meter = bundle.measure(part.rows, part.targets, part.ids, shown.task("predicting"))
    scores = bundle.task.scores(meter)
    notes = [*part.notes, *chosen, *(note for note in bundle.notes if note not in part.notes)]
    if split == "test" and part.parts is not None:
        notes += use_test(part.dataset, part.parts, scores, run)
    return Evaluation(
        str(run.path) if run else None,
        bundle.architecture,
        bundle.task.name,
        time.perf_counter() - start,
        {split: scores},
        tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class MeasuredPart:
    """A part of data in the terms of a model, ready to be measured.

    rows     of all images; targets: of all, in the pixels of the rows
    ids      rows of the part that can be read and that the model can know
    usable   (N,) bool, the same of all images
    parts    None where all images are meant
    notes    what a reader of its scores should know, one sentence each
    """

    dataset: Dataset
    rows: Rows
    targets: Columns
    ids: Ids
    usable: NDArray[np.bool_]
    parts: Split | None
    notes: tuple[str, ...]


def open_part(
    bundle: Bundle, data: object, split: str, run: RunFolder | None, shown: Progress
) -> MeasuredPart:
    """Data opened, read and aligned with a model. Raises DataError where nothing is left."""
    dataset = opened(data, bundle.task.name, bundle.task.noise)
    check_channels(bundle, dataset)
    bundle.task.align(dataset.targets, dataset.name)  # an error comes before images are read
    parts, indices = part_of(dataset, split, bundle, run)
    packed = pack(dataset, bundle.contract, progress=shown.task("reading images"))
    aligned = bundle.task.align(packed.targets, dataset.name)
    notes = [*bundle.notes, *dataset.notes, *packed.remarks, *bad(packed, indices), *aligned.notes]
    notes += share(dataset, split, indices, run)
    notes += trained_on(dataset, bundle, indices, run)
    usable = packed.good & aligned.known
    ids = indices[usable[indices]]
    if not len(ids):
        raise DataError(
            f"the {split} part has no image that can be read and that the model could know",
            where=dataset.name,
            remedy="`vitreous check` lists what is wrong with each file.",
        )
    return MeasuredPart(dataset, packed.rows, aligned.targets, ids, usable, parts, tuple(notes))


def check_channels(bundle: Bundle, dataset: Dataset) -> None:
    """Raises DataError where the images cannot become the network's input."""
    wanted, found = bundle.contract.channels, dataset.channels
    if wanted != found and not {wanted, found} <= {1, 3}:
        raise DataError(
            f"images of {found} channels, and the model takes {wanted}",
            where=dataset.name,
            remedy="Only gray and RGB convert into each other: evaluate on images like those of "
            "training.",
        )


def run_of(model: Path) -> RunFolder | None:
    """The run that a folder or a model file belongs to."""
    folder = RunFolder(model if model.is_dir() else model.parent)
    return folder if folder.recipe.is_file() else None


def use_test(dataset: Dataset, parts: Split, scores: Scores, run: RunFolder | None) -> list[str]:
    """Record a use of the test part, with the data and in the run's journal; returns a warning if
    it has been used before, by this run or by any other.
    """
    name = str(run.path.resolve()) if run else None
    known = record(dataset, parts, name)
    earlier = [str(use["time"]) for use in known]
    if run is not None:
        # A run folder that was moved, or whose cache is gone, still has its journal.
        journaled = [use for use in run.events("test") if use.get("data") == dataset.fingerprint]
        own = [str(use["time"]) for use in known if use.get("run") == name]
        earlier += [str(use["time"]) for use in journaled[: max(len(journaled) - len(own), 0)]]
        fields = {"examples": scores.count, "value": scores.headline.value}
        first = {"first": min(earlier)} if earlier else {}
        run.log_event("test", data=dataset.fingerprint, earlier=len(earlier), **first, **fields)
    return used_before(len(earlier), min(earlier, default=""))


def used_before(count: int, first: str) -> list[str]:
    """A warning where a test part has been used before, over all runs; first: when it was."""
    if not count:
        return []
    return [
        f"this test part was used {times(count)} before (first {moment(first)}): a number that has "
        "been looked at while choosing is no test any more"
    ]


def part_of(
    dataset: Dataset, split: str, bundle: Bundle, run: RunFolder | None
) -> tuple[Split | None, Ids]:
    """The split of these data, and the rows of the part that this model's training kept for it.

    For the data of its own run that is the run's split.csv. Other data are divided as training
    would have divided them.
    """
    if split not in SPLITS:
        raise UsageError(
            f"unknown part '{split}'", where="--split", remedy=f"Known: {', '.join(SPLITS)}."
        )
    if split == "all":
        return None, np.arange(len(dataset))
    parts = own_split(dataset, run)
    if parts is None:
        shares = bundle.training.get("split", {})
        if shares is None:
            raise DataError(
                "the model was trained on parts that were handed in, and these data are not those",
                where=dataset.name,
                remedy="Give its run folder with the same data, or `--split all` for other data.",
            )
        parts = assign(dataset, **shares)
    indices = parts.indices(Part[split.upper()])
    if not len(indices):
        sizes = ", ".join(f"{name} {count:,}" for name, count in parts.sizes().items() if count)
        raise DataError(
            f"there is no {split} part; there is: {sizes}",
            where=dataset.name,
            remedy="Choose one of these with --split, or `--split all`.",
        )
    return parts, indices


def share(dataset: Dataset, split: str, indices: Ids, run: RunFolder | None) -> list[str]:
    """Which share of other data was measured, where they prescribe no such part themselves."""
    prescribed = split == "all" or (dataset.parts == Part[split.upper()]).any()
    if prescribed or own_split(dataset, run) is not None:
        return []
    return [
        f"{len(indices):,} of {len(dataset):,} images were measured: the share that training would "
        f"take for its {split} part; --split all measures all"
    ]


def trained_on(dataset: Dataset, bundle: Bundle, indices: Ids, run: RunFolder | None) -> list[str]:
    """A warning where the model has learned from some of these images."""
    if bundle.training.get("fingerprint") != dataset.fingerprint:
        return []
    parts, shares = own_split(dataset, run), bundle.training.get("split")
    if parts is None and shares is None:
        return []  # parts that were handed in, and nothing tells which
    parts = parts or assign(dataset, **(shares or {}))
    known = int((parts.parts[indices] == Part.TRAIN).sum())
    if not known:
        return []
    return [
        f"the model was trained on {known:,} of these {counted(len(indices), 'image')}: on images "
        "that it has not seen it will be worse"
    ]


def own_split(dataset: Dataset, run: RunFolder | None) -> Split | None:
    """What a run's split.csv says, if the data are those of the run."""
    if run is None or not run.split.is_file():
        return None
    written = read_yaml(run.recipe)
    if not isinstance(written, dict) or written.get("fingerprint") != dataset.fingerprint:
        return None
    return Split.read(run.split, dataset)


def bad(packed: Pack, indices: Ids) -> list[str]:
    wanted = set(indices.tolist())
    found = [image for image in packed.bad if image.index in wanted]
    if not found:
        return []
    return [f"left out as unreadable: {counted(len(found), 'image')}, such as {found[0].id}"]

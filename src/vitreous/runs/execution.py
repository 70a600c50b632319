"""A prepared run folder carried to its end: the one place where training and evaluation meet.

What has been done before, in this sitting or another, is in the folder and is not done again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from vitreous.data.images import unreadable as quarantine
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.open import open as open_data
from vitreous.data.batches.pack import pack
from vitreous.data.splits.split import Split
from vitreous.errors import DivergedError, StorageError
from vitreous.runs.clock import Clock
from vitreous.runs.setup import Course
from vitreous.runs.environment import environment
from vitreous.runs.evaluate import use_test
from vitreous.recipes.data_facts import check_trainable
from vitreous.run_folder import RunFolder
from vitreous.files import read_json, read_table, write_json, write_table
from vitreous.training.history import averaged
from vitreous.runs.interrupt import Interrupt, Interrupted
from vitreous.runs.loop import Sitting, learn
from vitreous.runs.measuring import measure
from vitreous.runs.phases import phases
from vitreous.progress.progress import Progress
from vitreous.recipes.resolved import Settled
from vitreous.report.build import write_report
from vitreous.inference.model_file import Bundle, load
from vitreous.metrics.scores import Scores
from vitreous.training.reproduce import deterministic, seed_everything


@dataclass(frozen=True)
class Run:
    """A finished run.

    folder  where everything lies
    model   the network that was measured, ready to predict
    scores  by part: "validation" and "test", as far as these parts exist
    """

    folder: RunFolder
    model: Bundle
    scores: dict[str, Scores]

    @property
    def report_path(self) -> Path:
        return self.folder.report

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        summary: dict[str, Any] = read_json(self.folder.scores)
        return {"run": str(self.folder.path), **summary}

    def report(self, data: object = None) -> Path:
        """Write the report anew from what lies in the folder; returns its path.

        data  needed for its pictures, where they lie in memory
        """
        return write_report(self.folder.path, dataset=None if data is None else open_data(data))


def carry_on(
    folder: RunFolder,
    dataset: Dataset,
    parts: Split,
    settled: Settled,
    module: nn.Module | None,
    progress: Progress,
) -> Run:
    """From a folder with a recipe to a finished run, whatever has been done before.

    Raises Interrupted, StorageError and DivergedError that say how to go on.
    """
    with folder.locked(), Interrupt() as interrupt:
        try:
            return _to_the_end(folder, dataset, parts, settled, module, progress, interrupt)
        except KeyboardInterrupt as error:
            with suppress(StorageError):
                folder.log_event("interrupted")
            raise Interrupted(folder) from error
        except StorageError as error:
            remedy = f"{error.remedy or ''} Then `{folder.resume_command}` goes on.".lstrip()
            raise StorageError(error.message, where=error.where, remedy=remedy) from error


def _to_the_end(
    folder: RunFolder,
    dataset: Dataset,
    parts: Split,
    settled: Settled,
    module: nn.Module | None,
    progress: Progress,
    interrupt: Interrupt,
) -> Run:
    if not folder.split.is_file():
        write_json(folder.environment, environment())
        write_copies(folder, dataset, parts)
        parts.write(folder.split, dataset)
    if not folder.finished:
        with deterministic(settled.recipe.deterministic):
            _learn_and_measure(folder, dataset, parts, settled, module, progress, interrupt)
    summary = read_json(folder.scores)
    scores = {part: Scores.from_json(found) for part, found in summary["scores"].items()}
    if "test" in scores and not folder.events("test"):
        use_test(folder, dataset, scores["test"])
    write_report(folder.path, dataset=dataset)
    folder.log_event("end")
    return Run(folder, load(folder.model, module), scores)


def _learn_and_measure(
    folder: RunFolder,
    dataset: Dataset,
    parts: Split,
    settled: Settled,
    module: nn.Module | None,
    progress: Progress,
    interrupt: Interrupt,
) -> None:
    clock = Clock()
    recipe = settled.recipe
    for note in dataset.notes:
        progress.note(note)
    seed_everything(recipe.seed)
    packed = pack(
        dataset,
        settled.contract,
        threads=recipe.threads or 2,
        bad_images=recipe.bad_images,
        progress=progress.task("reading images"),
    )
    if packed.note:
        progress.note(packed.note)
    readable = quarantine.report(packed.bad, len(dataset))
    if packed.bad:
        quarantine.write(packed.bad, folder.quarantine)
        progress.note(readable)
    clock.lap("reading")
    course = Course(dataset, parts, packed, settled, module, progress)
    check_trainable(dataset, course.ids[Part.TRAIN], readable)
    sitting = Sitting(
        whole=course.network,
        task=course.task,
        recipe=recipe,
        folder=folder,
        progress=progress,
        interrupt=interrupt,
        fingerprint=settled.fingerprint(dataset.fingerprint),
    )
    try:
        history = learn(phases(course), sitting)
    except DivergedError as error:
        with suppress(StorageError):
            folder.log_event("diverged", message=error.message)
        raise course.rescued(error, folder) from error
    if recipe.bn_recalibrate or averaged(history):
        course.recalibrate()
    clock.lap("training")
    bundle, scores = measure(course.bundle(history), course, folder, progress)
    bundle.save(folder.model)
    clock.lap("measuring")
    summary = {
        "model": recipe.model,
        "task": recipe.task,
        "seconds": clock.total,
        "scores": {name: found.to_json() for name, found in scores.items()},
        "timings": clock.laps,
        "notes": [*dataset.notes, *course.notes(read_table(folder.copies))],
    }
    write_json(folder.scores, summary)


def write_copies(folder: RunFolder, dataset: Dataset, parts: Split) -> None:
    """Pairs of equal images, by name, as far as there are any."""
    pairs = [("leak", pair) for pair in parts.leaks]
    pairs += [("duplicate", pair) for pair in parts.duplicates]
    if pairs:
        rows = [(kind, dataset.id(one), dataset.id(other)) for kind, (one, other) in pairs]
        write_table(folder.copies, ("kind", "id", "other"), rows)

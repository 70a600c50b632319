"""From data and a recipe to a run folder: the one place where training and evaluation meet.

`train` prepares a folder and hands it to `carry_on`; `resume` hands over one that is there already.
All that a run needs lies in its folder, so there is only one way to go on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from vitreous.atomic import write_text
from vitreous.data import quarantine
from vitreous.data.dataset import Dataset, Part
from vitreous.data.open import open as open_data
from vitreous.data.pack import pack
from vitreous.data.split import Split
from vitreous.data.split import split as assign
from vitreous.errors import DivergedError, RunError, StorageError, UsageError
from vitreous.experiment.choose import settle
from vitreous.experiment.clock import Clock
from vitreous.experiment.course import Course
from vitreous.experiment.environment import environment
from vitreous.experiment.evaluation import use_test
from vitreous.experiment.facts import Facts, check_trainable
from vitreous.experiment.folder import (
    RunFolder,
    read_json,
    read_table,
    read_yaml,
    write_json,
    write_table,
)
from vitreous.experiment.history import averaged
from vitreous.experiment.interrupt import Interrupt, Interrupted
from vitreous.experiment.learning import Sitting, learn
from vitreous.experiment.measuring import measure
from vitreous.experiment.network import check_network
from vitreous.experiment.phases import phases
from vitreous.experiment.progress import Progress, silent
from vitreous.experiment.recipe import Recipe
from vitreous.experiment.settled import Settled
from vitreous.experiment.summary import write_report
from vitreous.export.bundle import Bundle, load
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


def train(
    data: object = "digits",
    recipe: Recipe | None = None,
    *,
    model: str | nn.Module | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **fields: Any,
) -> Run:
    """Train a network, measure it on data it has not seen, write a report.

    data    whatever `vt.open` takes: a path, a name, arrays, a torch Dataset
    model   a name from `vt.models()`, or a module of your own: images (B, C, H, W) in [0, 1] to
            logits (B, L)
    out     the run folder, which must not exist; default: runs/NAME
    fields  fields of the recipe, such as epochs=30

    What the recipe leaves open is chosen from the data. Raises UsageError, DataError, RunError,
    StorageError, DivergedError; Interrupted, a KeyboardInterrupt, after a checkpoint.
    """
    module = model if isinstance(model, nn.Module) else None
    if isinstance(model, str):
        fields["model"] = model
    recipe = (recipe or Recipe()).replace(**fields)
    _check_one_network(recipe, module)
    shown = progress or silent()
    dataset = open_data(data, bad_images=recipe.bad_images)
    parts = _assigned(dataset, recipe, shown)
    check_trainable(dataset, parts.indices(Part.TRAIN), parts.describe())
    settled = settle(
        recipe, Facts.of(dataset, parts.indices(Part.TRAIN)), own_module=module is not None
    )
    check_network(settled.recipe, settled.contract, len(dataset.classes), module)
    folder = RunFolder.create(dataset.name, out)
    source = where(data)
    write_text(folder.recipe, settled.to_yaml(source, dataset.fingerprint, parts.content))
    folder.note("start", data=source)
    for name in ("model", "loss"):
        if name in settled.reasons:
            shown.note(f"{name}: {getattr(settled.recipe, name)}; {settled.reasons[name]}")
    return carry_on(folder, dataset, parts, settled, module, shown)


def resume(
    run: str | Path,
    data: object = None,
    *,
    model: nn.Module | None = None,
    progress: Progress | None = None,
) -> Run:
    """Go on with an interrupted run; on a CPU the result is the same to the last bit.

    data   needed only where the run was started on data in memory
    model  the network, where it is one of your own, as it was before training

    Raises RunError if the data have changed, or the run has ended.
    """
    folder = RunFolder.open(run)
    written = read_yaml(folder.recipe)
    settled = Settled.from_mapping(written, str(folder.recipe))
    if data is None and written["data"] is None:
        raise RunError(
            "this run was started on data in memory",
            where=str(run),
            remedy="Pass the same data: vt.resume(run, data).",
        )
    if settled.recipe.model is None and model is None:
        raise RunError(
            "this run trains a network of your own",
            where=str(run),
            remedy="Pass it as it was before training: vt.resume(run, model=YourNetwork()).",
        )
    _check_one_network(settled.recipe, model)
    if folder.finished and folder.report.exists():
        raise RunError(
            "this run has ended",
            where=str(run),
            remedy=f"Its report is {folder.report}; start another with `vitreous train`.",
        )
    shown = progress or silent()
    dataset = open_data(data if data is not None else written["data"])
    parts = _assigned(dataset, settled.recipe, shown)
    found = {"files or labels": dataset.fingerprint, "images": parts.content}
    for what, key in (("files or labels", "fingerprint"), ("images", "content")):
        if found[what] != written.get(key):
            raise RunError(
                f"the data are not those that this run was started on: {what} have changed",
                where=str(written["data"] or run),
                remedy="Bring them back as they were, or start a new run.",
            )
    if folder.split.is_file():
        parts = Split.read(folder.split, dataset)
    folder.note("resume")
    return carry_on(folder, dataset, parts, settled, model, shown)


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
                folder.note("interrupted")
            raise Interrupted(folder) from error
        except StorageError as error:
            remedy = f"{error.remedy or ''} Then `{folder.way_on}` goes on.".lstrip()
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
    folder.note("end")
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
            folder.note("diverged", message=error.message)
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


def _check_one_network(recipe: Recipe, module: nn.Module | None) -> None:
    """Raises UsageError where there are two: the file would name one, and hold the other."""
    if module is not None and recipe.model is not None:
        raise UsageError(
            f"two networks: {recipe.model} by its name, and a module",
            where="model",
            remedy="Leave one of them out.",
        )


def _assigned(dataset: Dataset, recipe: Recipe, progress: Progress) -> Split:
    shown = progress.task("comparing images")
    return assign(dataset, validation=recipe.validation, test=recipe.test, progress=shown)


def write_copies(folder: RunFolder, dataset: Dataset, parts: Split) -> None:
    """Pairs of equal images, by name, as far as there are any."""
    pairs = [("leak", pair) for pair in parts.leaks]
    pairs += [("duplicate", pair) for pair in parts.duplicates]
    if pairs:
        rows = [(kind, dataset.id(one), dataset.id(other)) for kind, (one, other) in pairs]
        write_table(folder.copies, ("kind", "id", "other"), rows)


def where(data: object) -> str | None:
    """How `resume` finds the data again: an absolute path, a name, or None for data in memory."""
    if not isinstance(data, str | Path):
        return None
    return str(Path(data).resolve()) if Path(data).exists() else str(data)

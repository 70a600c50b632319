"""A run from data to a report: train, measure, save; and resume where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Unpack

import torch
from torch import nn

from vitreous.data.splits.split import Split
from vitreous.distributed import ALONE, Ranks, announce, joined
from vitreous.drawing.notebook import framed
from vitreous.errors import PeerError, StorageError
from vitreous.fields import Between, fits
from vitreous.files import read_json, read_lines, understood, write_json, write_table
from vitreous.formats import counted
from vitreous.heap import give_back, keep_freed
from vitreous.inference.model_file import Bundle, load
from vitreous.progress.choose import following
from vitreous.progress.progress import Progress, silent
from vitreous.recipes.keywords import RecipeFields
from vitreous.recipes.recipe import Recipe
from vitreous.report.build import write_report
from vitreous.run_folder import RunFolder
from vitreous.runs.divisible import check_same
from vitreous.runs.evaluate import measure, use_test, used_before
from vitreous.runs.interrupt import Interrupt, Interrupted
from vitreous.runs.job import Job, prepare, take_up
from vitreous.runs.run_engine import measured_by
from vitreous.runs.run_stages import Clock, learn, read_images, summary
from vitreous.runs.setup import build
from vitreous.tasks.asked import opened
from vitreous.training.reproduce import deterministic

if TYPE_CHECKING:
    from vitreous.robust.robust_scores import Robustness

MOST_THREADS = 1024


@dataclass(frozen=True)
class Run:
    """A finished run.

    folder  where everything lies
    model   the network that was measured, ready to predict
    scores  by part: "validation" and "test", as far as these parts exist
    """

    folder: RunFolder
    model: Bundle
    scores: dict[str, Any]

    @classmethod
    def read(cls, folder: RunFolder, module: nn.Module | None = None) -> Run:
        """A run that has ended. module: its network, where that is one of the user's own."""
        model = load(folder.model, module)
        written = read_json(folder.scores)
        with understood(folder.scores):
            parts = written["scores"].items()
            scores = {part: model.task.SCORES.from_json(found) for part, found in parts}
        return cls(folder, model, scores)

    @property
    def report_path(self) -> Path:
        return self.folder.report

    @property
    def history(self) -> list[dict[str, Any]]:
        """One row an epoch, as in metrics.jsonl; `pandas.DataFrame(run.history)` is a table."""
        return read_lines(self.folder.metrics)

    def __repr__(self) -> str:
        reached = (f"{part} {one.headline.text}" for part, one in self.scores.items())
        return f"Run({str(self.folder.path)!r}, {self.model.architecture}, {', '.join(reached)})"

    def _repr_html_(self) -> str:
        """The report, as a notebook shows it."""
        return framed(self.report_path.read_text("utf-8"))

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        summary: dict[str, Any] = read_json(self.folder.scores)
        notes = list(summary.get("notes", []))
        for use in self.folder.events("test")[:1]:  # that of the training itself
            notes += used_before(int(use.get("earlier", 0)), str(use.get("first", "")))
        return {"run": str(self.folder.path), **summary, "notes": notes}

    def robustness(self, data: object = None, **options: Any) -> Robustness:
        """What attacks and corruptions leave of the score; it is written into the folder, and the
        report has a section about it. Print it, or look at its `curve`.

        data     as `train` takes them; None is what the run was trained on
        options  of `vitreous.runs.robustness.robustness`, such as eps=8 or corruptions=True
        """
        from vitreous.runs.robustness import robustness, write

        found, pictured = robustness(self.folder.path, data, **options)
        write(found, pictured, self.folder.path, own=data is None)
        return found

    def report(self, data: object = None) -> Path:
        """Write the report anew from what lies in the folder; returns its path.

        data  needed for its pictures, where they lie in memory
        """
        task = self.model.task
        found = None if data is None else opened(data, task.name, task.noise)
        return write_report(self.folder.path, dataset=found)


def train(
    data: object = "scattered",
    recipe: Recipe | str | None = None,
    *,
    model: str | nn.Module | None = None,
    parts: Split | None = None,
    out: str | Path | None = None,
    progress: Progress | bool | None = None,
    doctor: bool = True,
    **fields: Unpack[RecipeFields],
) -> Run:
    """Train a network, measure it on data it has not seen, write a report.

    data      whatever `vt.open` takes: a path, a name, arrays, a torch Dataset
    recipe    a value, or the name of one, such as "speedrun"
    model     a name from `vt.models()`, or a module of your own: images (B, C, H, W) in [0, 1] to
              what the task needs, such as logits (B, L)
    parts     the part of every example, such as one fold; None assigns them by the recipe's shares
    out       the run folder, which must not exist; default: runs/NAME
    progress  False shows nothing; None shows it on a terminal and in a notebook
    doctor    let one look on, and say what is wrong with the training; no bit of it changes
    fields    fields of `vt.Recipe`, such as epochs=30

    Processes that torchrun has begun train one network together, see `vitreous.distributed`; files
    are written by the first of them.

    What the recipe leaves open is chosen from the data. Raises UsageError, DataError, RunError,
    StorageError, DivergedError; Interrupted, a KeyboardInterrupt, after a checkpoint.
    """
    with joined() as ranks, following(progress if ranks.first else False) as shown:
        with ranks.in_turn():
            job = prepare(data, recipe, model=model, parts=parts, progress=shown, **fields)
        check_same(job, ranks)
        folder = ranks.from_first(lambda: RunFolder.create(job.dataset.name, out))
        if not ranks.first:
            return follow(folder, job, ranks)
        job.write(folder, ranks)
        folder.log_event("start", data=job.source)
        return go_on(folder, job, shown, doctor, ranks)


def resume(
    run: str | Path,
    data: object = None,
    *,
    model: nn.Module | None = None,
    progress: Progress | bool | None = None,
    doctor: bool = True,
) -> Run:
    """Go on with an interrupted run; on a CPU the result is the same to the last bit.

    data      needed only where the run was started on data in memory
    model     the network, where it is one of your own, as it was before training
    progress  as for `train`

    Raises RunError if the data have changed, or the run has ended.
    """
    folder = RunFolder.open(run)
    with joined() as ranks, following(progress if ranks.first else False) as shown:
        with ranks.in_turn():
            job = take_up(folder, data, model, shown)
        check_same(job, ranks)
        with threads_of(folder, shown, ranks):
            if not ranks.first:
                return follow(folder, job, ranks)
            if not folder.split.is_file():  # killed before it had begun
                job.write(folder, ranks)
            folder.log_event("resume", processes=ranks.size)
            return go_on(folder, job, shown, doctor, ranks)


def go_on(
    folder: RunFolder, job: Job, progress: Progress, doctor: bool = True, ranks: Ranks = ALONE
) -> Run:
    """From a folder with a job to a finished run. Finished stages are recognized by their files,
    and not done again when a run is resumed.

    Raises Interrupted, StorageError and DivergedError that say how to go on.
    """
    announce(folder.path)
    keep_freed()
    with folder.locked(), Interrupt() as interrupt, resumable(folder):
        if not ranks.from_first(lambda: folder.finished):
            with deterministic(job.recipe.deterministic):
                clock = Clock()
                images = read_images(job, folder, progress, ranks)
                clock.lap("reading")
                told = folder.surroundings
                setup = build(job, images, progress, ranks, told.get("precision"))
                setup = replace(setup, runtime=folder.runtime)
                if told.get("precision") != setup.precision.name:
                    now = {**told, "precision": setup.precision.name}
                    write_json(folder.environment, now)
                history = learn(setup, folder, progress, interrupt, doctor)
                clock.lap("training")
                bundle = measured_by(setup, setup.bundle(history), progress.note)
                found = measure(setup, bundle, progress)
                write_table(folder.predictions, found.columns, found.rows)
                found.bundle.save(folder.model)
                clock.lap("measuring")
                write_json(folder.scores, summary(setup, found, clock, folder))
        # What lies on disk is what is returned, also where measuring was done before a resume.
        run = Run.read(folder, job.module)
        if "test" in run.scores and not folder.events("test"):
            use_test(job.dataset, job.parts, run.scores["test"], folder)
        write_report(folder.path, dataset=job.dataset, predictor=run.model)
        folder.log_event("end")
        give_back()
        return run


def follow(folder: RunFolder, job: Job, ranks: Ranks) -> Run:
    """What all processes but the first do: their share of the stages of `go_on`. They write nothing
    and say nothing, and end when all is measured.
    """
    progress = silent()
    with Interrupt() as interrupt:
        if ranks.from_first(lambda: folder.finished):
            return Run.read(folder, job.module)
        with deterministic(job.recipe.deterministic):
            setup = build(job, read_images(job, folder, progress, ranks), progress, ranks)
            history = learn(setup, folder, progress, interrupt)
            found = measure(setup, setup.bundle(history), progress)
        return Run(folder, found.bundle, found.scores)


@contextmanager
def threads_of(folder: RunFolder, progress: Progress, ranks: Ranks = ALONE) -> Iterator[None]:
    """Within the block torch computes with as many threads as when the run began: the order of its
    sums depends on their number, and so do the last bits. Other processes have other cores.
    """
    known, before = folder.surroundings, torch.get_num_threads()
    began, number = known.get("processes", 1), None
    if began == ranks.size:
        number = known.get("threads")
    elif fits(began, int):
        several = counted(ranks.size, "process")
        goes = "go" if ranks.size > 1 else "goes"
        progress.note(f"{several} {goes} on with what {began} began: the same up to rounding")
    valid = fits(number, Annotated[int, Between(1, MOST_THREADS)])
    if number is None or not valid or number == before:
        yield
        return
    progress.note(f"computing with {counted(number, 'thread')}, as when the run began")
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def resumable(folder: RunFolder) -> Iterator[None]:
    """Whatever stops the run in the block says how to go on with it."""
    try:
        yield
    except KeyboardInterrupt as error:
        with suppress(StorageError):
            folder.log_event("interrupted")
        raise Interrupted(folder) from error
    except StorageError as error:
        remedy = f"{error.remedy or ''} Then `{folder.resume_command}` goes on.".lstrip()
        raise StorageError(error.message, where=error.where, remedy=remedy) from error
    except PeerError as error:
        remedy = f"Go on from the last checkpoint by `{folder.resume_command}`."
        with suppress(StorageError):
            folder.log_event("lost", message=error.message)
        raise PeerError(error.message, where=str(folder.path), remedy=remedy) from error

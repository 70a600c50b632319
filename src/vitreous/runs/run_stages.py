"""Stages of a run: reading images, learning, and the summary of what was measured."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import Any

from vitreous.data.batches.pack import Pack, pack
from vitreous.data.dataset import Part
from vitreous.data.doubt import advised
from vitreous.data.images import unreadable
from vitreous.distributed import ALONE, Ranks
from vitreous.errors import DivergedError, StorageError
from vitreous.files import read_lines
from vitreous.models.classic import Classic
from vitreous.progress.progress import Progress
from vitreous.run_folder import RunFolder
from vitreous.runs.classic_fit import best_rival, fit_once
from vitreous.runs.consumers import Checkpoints
from vitreous.runs.evaluate import Measurement
from vitreous.runs.interrupt import Interrupt
from vitreous.runs.job import Job
from vitreous.runs.loop import train_phases
from vitreous.runs.phases import phases
from vitreous.runs.setup import TrainingSetup
from vitreous.training.history import averaged


def read_images(job: Job, folder: RunFolder, progress: Progress, ranks: Ranks = ALONE) -> Pack:
    """Every image decoded once, by one process of each machine; those that cannot be are named in
    the folder and left out.
    """
    for note in map(advised, job.dataset.notes):
        progress.note(note)
    with ranks.in_turn():
        packed = pack(
            job.dataset,
            job.resolved.contract,
            threads=job.recipe.threads or 2,
            bad_images=job.recipe.bad_images,
            progress=progress.task("reading images"),
        )
    if packed.note:
        progress.note(packed.note)
    for remark in packed.remarks:
        progress.note(remark)
    readable = unreadable.report(packed.bad, len(job.dataset))
    if packed.bad and ranks.first:
        unreadable.write(packed.bad, folder.quarantine)
        progress.note(readable)
    training = job.parts.indices(Part.TRAIN)
    job.check_trainable(training[packed.good[training]], readable)
    return packed


def learn(
    setup: TrainingSetup,
    folder: RunFolder,
    progress: Progress,
    interrupt: Interrupt,
    doctor: bool = False,
) -> list[dict[str, Any]]:
    """Train through all phases, from the latest checkpoint if there is one; the network ends with
    its best weights. Returns the history, one row an epoch. Of several processes, the first alone
    writes into the folder.

    Raises KeyboardInterrupt after a checkpoint, and DivergedError with the best weights saved, if
    an epoch was measured.
    """
    recipe = setup.recipe
    if isinstance(setup.network, Classic):
        fit_once(setup.network, setup, progress)
        return []
    ranks = setup.ranks
    fingerprint, period = setup.job.fingerprint, recipe.checkpoint
    checkpoints = Checkpoints(folder, setup.network, fingerprint, period, ranks)
    remaining = partial(phases, setup, progress)
    try:
        history = train_phases(
            remaining, recipe, folder, checkpoints, progress, interrupt, doctor, ranks
        )
    except DivergedError as error:
        if not ranks.first:
            setup.bundle()  # all put it together, where each has a share of the weights
            raise
        with suppress(StorageError):
            folder.log_event("diverged", message=error.message)
        raise setup.rescued(error, folder, read_lines(folder.metrics)) from error
    if recipe.bn_recalibrate or averaged(history):
        setup.recalibrate()
    return history


def summary(
    setup: TrainingSetup, found: Measurement, clock: Clock, folder: RunFolder
) -> dict[str, Any]:
    """The content of scores.json."""
    training = found.bundle.training
    parts = [*found.scores]
    compared = (
        best_rival(found.scores[parts[0]], found.scores[parts[-1]], parts[-1], setup.recipe.against)
        if parts
        else []
    )
    kept = {"epoch": training["best_epoch"], "of": training["epochs"]}
    return {
        "model": setup.recipe.model,
        "task": setup.recipe.task,
        "seconds": clock.total,
        "kept": kept if training["epochs"] else None,
        "scores": {name: scores.to_json() for name, scores in found.scores.items()},
        "timings": clock.laps,
        "notes": [
            *map(advised, setup.dataset.notes),
            *setup.packed.remarks,
            *setup.notes,
            *compared,
            *found.notes,
            *(str(line["message"]) for line in folder.events("log")),
        ],
        "data": {"counts": setup.counts()},
    }


class Clock:
    """Seconds of each stage in this process, in order."""

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()
        self.laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.monotonic()
        self.laps[stage] = now - self.last
        self.last = now

    @property
    def total(self) -> float:
        return time.monotonic() - self.began

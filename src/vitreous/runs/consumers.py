"""Consumers of training steps: progress on the screen, trackers, checkpoints.

Each looks at steps and epochs as they come; none changes what is trained. After a step, `.grad` of
each parameter still holds the step's gradient (see `training.fit`), so a consumer may look there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from torch import nn

from vitreous.distributed import ALONE, Ranks
from vitreous.doctor.watch import Watch
from vitreous.errors import ModelFileError, RunError, StorageError
from vitreous.files import write_json
from vitreous.metrics.score import Scores
from vitreous.progress.progress import Progress
from vitreous.run_folder import RunFolder
from vitreous.runs.loop_state import LoopState
from vitreous.runs.phases import TrainingPhase
from vitreous.trackers import Logs
from vitreous.training import checkpoint
from vitreous.training.fit import Step
from vitreous.training.sharded import collected, is_sharded

PHASE = 100_000_000  # more steps than a phase has


class Consumer:
    """Follows a run; every call may be left out."""

    def begin(self, phase: TrainingPhase, state: LoopState) -> None:
        """A phase begins, or goes on after `state.step` steps."""

    def step(self, step: Step, phase: TrainingPhase) -> None:
        """An optimizer step was taken."""

    def epoch(self, history: Sequence[Mapping[str, Any]], scores: Scores | None) -> None:
        """An epoch was validated; its row is the history's last."""

    def between(self, phase: TrainingPhase, state: LoopState, last: bool) -> None:
        """Between two steps, where a run may be taken up again; `last` if it stops here."""

    def phase_ended(self, state: LoopState) -> None:
        """A phase has ended; `state.phase` is the number of the next one."""

    def close(self, ended: bool) -> None:
        """Nothing more comes from this process: training has ended or was broken off."""


class Shown(Consumer):
    """Progress on the screen."""

    def __init__(self, progress: Progress):
        self.progress = progress

    def begin(self, phase: TrainingPhase, state: LoopState) -> None:
        before = sum(row["phase"] != phase.name for row in state.history)
        steps, done = phase.schedule.total, len(state.history)
        self.progress.begin(phase.name, steps, state.step, before + phase.epochs, done)

    def step(self, step: Step, phase: TrainingPhase) -> None:
        self.progress.step(step, total_steps=phase.schedule.total)

    def epoch(self, history: Sequence[Mapping[str, Any]], scores: Scores | None) -> None:
        row = history[-1]
        losses = {"loss": row.get("train_loss", math.nan)}
        if scores is not None:
            losses["validation loss"] = scores.loss
        shown = () if scores is None else tuple(dict.fromkeys((scores.headline, scores.all[0])))
        self.progress.epoch(row["epoch"], losses, shown)


class Tracked(Consumer):
    """metrics.jsonl, and whatever else the recipe asks for."""

    def __init__(
        self,
        folder: RunFolder,
        settings: Mapping[str, Any],
        state: LoopState,
        progress: Progress,
    ):
        self.logs = Logs(folder, settings, state.history, progress.note)
        self.state = state

    def epoch(self, history: Sequence[Mapping[str, Any]], scores: Scores | None) -> None:
        self.logs.write(history)

    def phase_ended(self, state: LoopState) -> None:
        self.logs.write(state.history)

    def close(self, ended: bool) -> None:
        if ended:  # perhaps by a resume that found nothing more to learn
            self.logs.write(self.state.history)
        self.logs.close(ended)


class Checkpoints(Consumer):
    """Everything that decides the rest of a run, written every few seconds and before a stop.

    whole        the network that the phases are about
    fingerprint  hash of data and recipe; a checkpoint with another one is rejected
    period       seconds between two checkpoints
    ranks        processes that train together; where they share the weights, all of them have to
                 follow, and the first one writes
    """

    def __init__(
        self,
        folder: RunFolder,
        whole: nn.Module,
        fingerprint: str,
        period: float,
        ranks: Ranks = ALONE,
    ):
        self.folder, self.whole = folder, whole
        self.fingerprint, self.period = fingerprint, period
        self.ranks, self.sharded = ranks, any(map(is_sharded, whole.parameters()))
        self.saved = time.monotonic()

    def found(self, progress: Progress) -> dict[str, Any] | None:
        """The newest valid checkpoint, of which the first process tells all others. Raises RunError
        if it is of something else.
        """
        latest = self.ranks.from_first(lambda: checkpoint.latest(self.folder.checkpoints))
        if latest is None:
            return None
        for path in latest.damaged:
            progress.note(f"{path.name} is damaged; going on from the one before it")
        if latest.state.get("fingerprint") != self.fingerprint:
            raise RunError(
                "its checkpoints belong to other data or another recipe",
                where=str(self.folder.path),
                remedy="Bring the data back as they were, or start a new run.",
            )
        if "position" not in latest.state:
            raise ModelFileError("the checkpoint does not tell where it is", where=str(latest.path))
        return latest.state

    def save(self, state: LoopState, **parts: Any) -> None:
        written = checkpoint.gather(position=vars(state), fingerprint=self.fingerprint, **parts)
        written = collected(written) if self.sharded else written
        if self.ranks.first:
            # Phases follow each other, and so do the numbers of their checkpoints.
            checkpoint.save(self.folder.checkpoints, written, state.phase * PHASE + state.step)
        self.saved = time.monotonic()

    def begin(self, phase: TrainingPhase, state: LoopState) -> None:
        self.saved = time.monotonic()

    def between(self, phase: TrainingPhase, state: LoopState, last: bool) -> None:
        due = last or time.monotonic() - self.saved >= self.period
        if self.sharded:
            due = any(self.ranks.highest(due))
        if due:
            self.save(state, **phase.stateful)

    def phase_ended(self, state: LoopState) -> None:
        self.save(state, whole=self.whole)


class Examined(Consumer):
    """A doctor that looks on, says at once what is wrong, and leaves doctor.json behind."""

    def __init__(self, folder: RunFolder, progress: Progress):
        self.folder, self.progress = folder, progress
        self.watch: Watch | None = None
        self.name = ""
        self.written: list[dict[str, Any]] = []

    def begin(self, phase: TrainingPhase, state: LoopState) -> None:
        self.name = phase.name
        self.watch = Watch(phase.network, passes=phase.call is None, optimizer=phase.optimizer)
        self.watch.attach()

    def step(self, step: Step, phase: TrainingPhase) -> None:
        if self.watch is None:
            return
        self.watch.loss(step.loss)
        for one in self.watch.notice():
            self.progress.note(f"doctor, step {step.number}: {one}")

    def epoch(self, history: Sequence[Mapping[str, Any]], scores: Scores | None) -> None:
        row = history[-1]
        if self.watch is not None and scores is not None:
            accuracy = row.get("validation_accuracy", math.nan)
            self.watch.validated(row.get("validation_loss", math.nan), accuracy)

    def phase_ended(self, state: LoopState) -> None:
        self.end()

    def close(self, ended: bool) -> None:
        self.end()

    def end(self) -> None:
        """Take the watch away, and write what it has seen."""
        if self.watch is None:
            return
        watch, self.watch = self.watch, None
        watch.detach()
        for one in watch.diagnoses:
            if one.key not in watch.noticed:
                self.progress.note(f"doctor, step {one.step}: {one}")
        found = [one.to_json() for one in watch.diagnoses]
        evidence = watch.evidence.to_json()
        self.written.append({"phase": self.name, "diagnoses": found, "evidence": evidence})
        with suppress(StorageError):  # a run does not end for want of a doctor
            write_json(self.folder.doctor, {"phases": self.written})

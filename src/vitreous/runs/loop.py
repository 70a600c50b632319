"""The consumer of the training loop: it watches, validates, keeps the best, and can stop anywhere.

A run learns in phases (a last layer on frozen features, then perhaps the whole network), each a
pass through the same loop. Between any two steps everything that decides the rest of the run can be
written into a checkpoint; a run that goes on from there ends in the same bits on a CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from torch import nn

from vitreous.data.batches.batches import Batch
from vitreous.errors import DivergedError, RunError
from vitreous.run_folder import RunFolder
from vitreous.training.history import best_epoch, judged, row
from vitreous.runs.interrupt import Interrupt
from vitreous.trackers import Logs
from vitreous.runs.phase import Phase, Plan, Position, Supply
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe, seconds
from vitreous.losses.penalty import Penalty
from vitreous.tasks import Task
from vitreous.training import checkpoint
from vitreous.training.average import Average
from vitreous.training.budget import Budget
from vitreous.training.fit import Step, fit
from vitreous.training.schedule import Schedule
from vitreous.training.stopping import EarlyStopping


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """What learning needs besides its phases.

    whole        the network that the phases are about; it ends with the best weights
    fingerprint  of data and recipe: a checkpoint of anything else is not gone on with
    """

    whole: nn.Module
    task: Task
    recipe: Recipe
    folder: RunFolder
    progress: Progress
    interrupt: Interrupt
    fingerprint: str

    def save(self, position: Position, **parts: Any) -> None:
        state = checkpoint.gather(position=vars(position), fingerprint=self.fingerprint, **parts)
        # Phases follow each other, and so do the numbers of their checkpoints.
        checkpoint.save(self.folder.checkpoints, state, position.phase * PHASE + position.step)

    def found(self) -> dict[str, Any] | None:
        """The state of the newest valid checkpoint. Raises RunError if it is of something else."""
        latest = checkpoint.latest(self.folder.checkpoints)
        if latest is None:
            return None
        for path in latest.damaged:
            self.progress.note(f"{path.name} is damaged; going on from the one before it")
        if latest.state["fingerprint"] != self.fingerprint:
            raise RunError(
                "its checkpoints belong to other data or another recipe",
                where=str(self.folder.path),
                remedy="Bring the data back as they were, or start a new run.",
            )
        return latest.state


PHASE = 100_000_000  # more steps than a phase has


def learn(phases: Sequence[Callable[[], Phase]], sitting: Sitting) -> list[dict[str, Any]]:
    """Train through all phases, from the latest checkpoint if there is one.

    phases  each made when its turn comes, so that a resumed run prepares none that has ended

    Returns the history: one row an epoch. Raises KeyboardInterrupt after a checkpoint, and
    DivergedError with the best weights restored.
    """
    position, state = Position(), sitting.found()
    if state is not None:
        position = Position(**state["position"])
        if position.step == 0:  # between two phases
            checkpoint.restore(state, whole=sitting.whole)
            state = None
    ended = position.phase == len(phases)
    recipe = sitting.recipe.replace(log=()) if ended else sitting.recipe
    logs = Logs(sitting.folder, recipe.to_mapping(), position.history)
    try:
        for number in range(position.phase, len(phases)):
            phase = phases[number]()
            # Each phase may take an equal share of the time, and what those before it have left.
            share = (number + 1) / len(phases)
            with sitting.interrupt.deferred():
                run_phase(phase, sitting, logs, position, state, share)
                state = None
                position.phase, position.step = number + 1, 0
                position.begin_epoch()
                sitting.save(position, whole=sitting.whole)
        logs.write(position.history)
        ended = True
    finally:
        logs.close(ended)
    return position.history


def run_phase(
    phase: Phase,
    sitting: Sitting,
    logs: Logs,
    position: Position,
    state: dict[str, Any] | None,
    share: float = 1.0,
) -> None:
    """One phase, from its beginning or from `state`, to its end; it leaves the best weights.

    share  of the recipe's time that may have passed at its end
    """
    progress, interrupt = sitting.progress, sitting.interrupt
    plan = prepare(phase, sitting, position, state, share)
    before = sum(row["phase"] != phase.name for row in position.history)
    progress.begin(phase.name, plan.schedule.total, position.step, before + phase.epochs)
    earlier, began = position.elapsed, time.monotonic()
    saved = began
    steps = steps_of(phase, sitting, plan, position.step)
    try:
        for step in steps:
            position.step = step.number
            position.add(step.loss)
            position.elapsed = earlier + time.monotonic() - began
            if isinstance(plan.schedule, Budget):
                plan.schedule.observe(step.number, step.seconds, position.elapsed)
            progress.step(step, total_steps=plan.schedule.total)
            # A machine that has slowed down since the schedule was settled is not waited for.
            over = step.number >= plan.schedule.total or position.elapsed >= plan.end
            if over or ends_epoch(step.number, len(phase.batches), sitting.recipe.accumulate):
                over |= end_epoch(phase, sitting, plan, logs, position, step)
            if over:
                break
            if interrupt.asked or time.monotonic() - saved >= sitting.recipe.checkpoint:
                sitting.save(position, **plan.parts)
                saved = time.monotonic()
            if interrupt.asked:
                raise KeyboardInterrupt
    except DivergedError:
        plan.stopping.restore(phase.network)
        raise
    finally:
        steps.close()
        position.elapsed = earlier + time.monotonic() - began
    if plan.average is not None and not plan.stopping.weights:
        plan.average.copy_to(phase.network)
    plan.stopping.restore(phase.network)


def prepare(
    phase: Phase,
    sitting: Sitting,
    position: Position,
    state: dict[str, Any] | None,
    share: float,
) -> Plan:
    """The plan of a phase at its beginning, or as it was in `state`."""
    recipe, network = sitting.recipe, phase.network
    full = Schedule(
        recipe.schedule or "one_cycle",
        steps_in(phase.epochs, len(phase.batches), recipe.accumulate),
        recipe.warmup,
        recipe.milestones,
        recipe.step_factor,
        hold=1 - (recipe.swa or 0.0),
    )
    end = math.inf if recipe.time is None else share * seconds(recipe.time)
    schedule = full if recipe.time is None else Budget(full, end)
    average = None
    if recipe.ema or recipe.swa:
        average = Average(
            network,
            recipe.ema or None,
            starts=lambda number: not recipe.swa or schedule.progress(number) >= full.hold,
        )
    plan = Plan(schedule, EarlyStopping(recipe.patience), average, end, phase)
    if state is not None:
        checkpoint.restore(state, **plan.parts)
    elif (best := best_epoch(position.history)) is not None:
        # What the phases before have reached is what this one has to beat.
        score = position.history[best - 1].get("validation_score", -math.inf)
        plan.stopping.observe(score, network)
    return plan


def steps_of(phase: Phase, sitting: Sitting, plan: Plan, first: int) -> Generator[Step, None, None]:
    """The steps of a phase, from number `first` on."""
    recipe, batches = sitting.recipe, phase.batches
    penalty = None
    if recipe.l1 or recipe.l2:
        begin = steps_in(recipe.penalty_from, len(batches), recipe.accumulate)
        penalty = Penalty(recipe.l1, recipe.l2, begin)
    return fit(
        phase.network,
        stream(batches, phase.epochs, first * recipe.accumulate),
        sitting.task.loss,
        phase.optimizer,
        plan.schedule,
        precision=phase.precision,
        clip=recipe.clip,
        accumulate=recipe.accumulate,
        average=plan.average,
        penalty=penalty,
        gradients=phase.gradients,
        call=phase.call,
        seed=recipe.seed,
        first_step=first,
    )


def end_epoch(
    phase: Phase, sitting: Sitting, plan: Plan, logs: Logs, position: Position, step: Step
) -> bool:
    """Validate, keep the weights if they are the best, and write a row; is patience exhausted?"""
    average, exhausted = plan.average, False
    with average.applied(phase.network) if average else nullcontext():
        scores = phase.validate() if phase.validate else None
        if scores is not None:
            exhausted = plan.stopping.observe(judged(scores), phase.network)
    averaged = average.steps if average and sitting.recipe.swa else None
    number, loss = len(position.history) + 1, float(position.loss / position.taken)
    position.history.append(row(number, phase.name, step, loss, scores, averaged))
    position.begin_epoch()
    sitting.progress.epoch(position.history[-1])
    logs.write(position.history)
    return exhausted


# With accumulation, a step may take its batches from the end of one epoch and the start of the
# next; an epoch ends with the step that takes its last batch. Whole numbers, because a step has no
# share of a batch: 10 // (10 / 3) is 2.


def steps_in(epochs: int, batches: int, accumulate: int) -> int:
    """Steps that take all batches of so many epochs."""
    return -(-epochs * batches // accumulate)


def ends_epoch(step: int, batches: int, accumulate: int) -> bool:
    """Does step number `step`, from 1, take the last batch of an epoch?"""
    return step * accumulate // batches > (step - 1) * accumulate // batches


def stream(batches: Supply, epochs: int, first: int) -> Iterator[Batch]:
    """The batches of all epochs, from number `first` on."""
    epoch, start = divmod(first, len(batches))
    for number in range(epoch, epochs):
        yield from batches.epoch(number, start)
        start = 0

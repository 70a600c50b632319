"""The consumer of the training loop: it watches, validates, keeps the best, and can stop anywhere.

A run learns in phases (a last layer on frozen features, then perhaps the whole network), each a
pass through the same loop. Between any two steps everything that decides the rest of the run can be
written into a checkpoint; a run that goes on from there ends in the same bits on a CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vitreous.data.batches import Batch
from vitreous.errors import DivergedError, RunError
from vitreous.experiment.folder import RunFolder
from vitreous.experiment.interrupt import Interrupt
from vitreous.experiment.logs import Logs
from vitreous.experiment.progress import Progress
from vitreous.experiment.recipe import Recipe, seconds
from vitreous.losses.penalty import Penalty
from vitreous.metrics.scores import Scores
from vitreous.tasks import Task
from vitreous.training import checkpoint
from vitreous.training.average import Average
from vitreous.training.budget import Budget
from vitreous.training.fit import Gradients, Step, fit
from vitreous.training.precision import Precision
from vitreous.training.schedule import Schedule
from vitreous.training.stopping import EarlyStopping


class Supply(Protocol):
    """Batches by epoch: `data.Batches`, or features of a frozen backbone."""

    def __len__(self) -> int: ...

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]: ...


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One pass through the loop.

    name       head or network: what it trains
    network    the module that takes the batches
    validate   scores of the validation part with the network as it is; None without such a part
    epochs     at most
    precision  number format of its forward pass
    gradients  computes them; None is autograd
    call       computes the outputs in training; None is the network itself
    """

    name: str
    network: nn.Module
    batches: Supply
    validate: Callable[[], Scores] | None
    optimizer: Optimizer
    epochs: int
    precision: Precision
    gradients: Gradients | None = None
    call: Callable[[Tensor], Tensor] | None = None


@dataclass
class Position:
    """Where a run is: what a checkpoint says besides weights.

    phase    number of the phase in hand; as many as there are when learning is done
    step     optimizer steps taken in it
    losses   of the steps of the epoch in hand
    history  one row an epoch
    elapsed  seconds of learning, over all sittings
    """

    phase: int = 0
    step: int = 0
    losses: list[Tensor] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    elapsed: float = 0.0


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
    logs = Logs(sitting.folder, recipe, position.history)
    try:
        for number in range(position.phase, len(phases)):
            phase = phases[number]()
            # Each phase may take an equal share of the time, and what those before it have left.
            share = (number + 1) / len(phases)
            with sitting.interrupt.deferred():
                run_phase(phase, sitting, logs, position, state, share)
                state = None
                position.phase, position.step, position.losses = number + 1, 0, []
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
    recipe, network, progress = sitting.recipe, phase.network, sitting.progress
    # With accumulation, a step may take its batches from the end of one epoch and the start of the
    # next; an epoch ends with the step that takes its last batch.
    per_epoch = len(phase.batches) / recipe.accumulate
    plan = Schedule(
        recipe.schedule or "one_cycle",
        math.ceil(phase.epochs * per_epoch),
        recipe.warmup,
        recipe.milestones,
        recipe.step_factor,
        hold=1 - (recipe.swa or 0.0),
    )
    schedule: Schedule | Budget = plan
    stopping = EarlyStopping(recipe.patience)
    parts: dict[str, Any] = {
        "network": network,
        "optimizer": phase.optimizer,
        "scaler": phase.precision.scaler,
        "stopping": stopping,
    }
    end = math.inf
    if recipe.time is not None:
        end = share * seconds(recipe.time)
        parts["budget"] = schedule = Budget(plan, end)
    average = None
    if recipe.ema or recipe.swa:
        average = Average(
            network,
            recipe.ema or None,
            begun=lambda number: not recipe.swa or schedule.progress(number) >= plan.hold,
        )
        parts["average"] = average
    if state is not None:
        checkpoint.restore(state, **parts)
    elif (best := best_epoch(position.history)) is not None:
        # What the phases before have reached is what this one has to beat.
        stopping.observe(position.history[best - 1].get("validation_score", -math.inf), network)

    before = sum(row["phase"] != phase.name for row in position.history)
    progress.begin(phase.name, schedule.total, position.step, before + phase.epochs)
    earlier, began = position.elapsed, time.monotonic()
    saved = began
    steps = fit(
        network,
        stream(phase.batches, phase.epochs, position.step * recipe.accumulate),
        sitting.task.loss,
        phase.optimizer,
        schedule,
        precision=phase.precision,
        clip=recipe.clip,
        accumulate=recipe.accumulate,
        average=average,
        penalty=Penalty(recipe.l1, recipe.l2, math.ceil(recipe.penalty_from * per_epoch))
        if recipe.l1 or recipe.l2
        else None,
        gradients=phase.gradients,
        call=phase.call,
        seed=recipe.seed,
        first_step=position.step,
    )
    try:
        for step in steps:
            position.step = step.number
            position.losses.append(step.loss)
            position.elapsed = earlier + time.monotonic() - began
            if isinstance(schedule, Budget):
                schedule.observe(step.number, step.seconds, position.elapsed)
            progress.step(step, total_steps=schedule.total)
            # A machine that has slowed down since the schedule was settled is not waited for.
            over = step.number >= schedule.total or position.elapsed >= end
            if over or step.number // per_epoch > (step.number - 1) // per_epoch:
                with average.applied(network) if average else nullcontext():
                    scores = phase.validate() if phase.validate else None
                    if scores is not None:
                        over |= stopping.observe(judged(scores), network)
                averaged = average.steps if average and recipe.swa else None
                position.history.append(row(phase, position, step, scores, averaged))
                position.losses = []
                progress.epoch(position.history[-1])
                logs.write(position.history)
            if over:
                break
            if sitting.interrupt.asked or time.monotonic() - saved >= recipe.checkpoint:
                sitting.save(position, **parts)
                saved = time.monotonic()
            if sitting.interrupt.asked:
                raise KeyboardInterrupt
    except DivergedError:
        stopping.restore(network)
        raise
    finally:
        steps.close()
        position.elapsed = earlier + time.monotonic() - began
    if average is not None and not stopping.weights:
        average.copy_to(network)
    stopping.restore(network)


def stream(batches: Supply, epochs: int, first: int) -> Iterator[Batch]:
    """The batches of all epochs, from number `first` on."""
    epoch, start = divmod(first, len(batches))
    for number in range(epoch, epochs):
        yield from batches.epoch(number, start)
        start = 0


def row(
    phase: Phase, position: Position, step: Step, scores: Scores | None, averaged: int | None
) -> dict[str, Any]:
    """One line of metrics.jsonl: nothing in it depends on the clock.

    averaged  steps whose weights were averaged (SWA) for the scores; None if that is not done
    """
    found: dict[str, Any] = {
        "epoch": len(position.history) + 1,
        "phase": phase.name,
        "step": step.number,
        "lr": step.lr,
        "train_loss": float(torch.stack(position.losses).double().mean()),
    }
    if averaged is not None:
        found["averaged"] = averaged
    if scores is not None:
        found |= {
            "validation_loss": scores.loss,
            "validation_accuracy": scores.accuracy,
            f"validation_{scores.headline}": scores.value,
            "validation_score": judged(scores),
        }
    return found


def judged(scores: Scores) -> float:
    """What an epoch is judged by: the headline score; of equal ones, the lower loss is better."""
    return scores.value - 1e-6 * min(scores.loss, 100.0)


def best_epoch(history: Sequence[Mapping[str, Any]]) -> int | None:
    """The epoch whose weights were kept: the first with the best score, else the last one."""
    scored = [row for row in history if "validation_score" in row]
    if scored:
        return int(max(scored, key=lambda row: float(row["validation_score"]))["epoch"])
    return int(history[-1]["epoch"]) if history else None


def averaged(history: Sequence[Mapping[str, Any]]) -> bool:
    """Is what was kept a plain mean of a whole network's weights? Then no batch has gone through
    it, and the statistics of its batch norm are yet to be taken.
    """
    best = best_epoch(history)
    kept = {} if best is None else history[best - 1]
    return bool(kept.get("averaged")) and kept["phase"] == "network"

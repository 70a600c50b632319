"""The training loop of a run: steps, validation each epoch, the best weights kept, checkpoints.

Whoever follows a run (progress, trackers, checkpoints) is a consumer in a list. Between any two
steps all that decides the rest of the run can be written into a checkpoint; a run that goes on from
there ends in the same bits on a CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from vitreous.data.batches.batch import Batch
from vitreous.data.batches.epoch_batches import EpochBatches
from vitreous.distributed import ALONE, Ranks
from vitreous.errors import DivergedError, ModelFileError, TrainingError
from vitreous.losses.penalty import Penalty
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe
from vitreous.run_folder import RunFolder
from vitreous.runs.consumers import Checkpoints, Consumer, Examined, Shown, Tracked
from vitreous.runs.interrupt import Interrupt
from vitreous.runs.loop_state import LoopState
from vitreous.runs.phases import TrainingPhase, ends_epoch, steps_in
from vitreous.training import checkpoint
from vitreous.training.budget import Budget
from vitreous.training.checkpoint import same_shapes
from vitreous.training.fit import Step, fit
from vitreous.training.history import best_epoch, row, selection_score
from vitreous.training.sharded import spread


def train_phases(
    remaining: Callable[[int], Iterable[TrainingPhase]],
    recipe: Recipe,
    folder: RunFolder,
    checkpoints: Checkpoints,
    progress: Progress,
    interrupt: Interrupt,
    doctor: bool = False,
    ranks: Ranks = ALONE,
) -> list[dict[str, Any]]:
    """Train through all phases, from the latest checkpoint if there is one; the network ends with
    its best weights. Returns the history, one row an epoch.

    remaining  the phases from a number on, each prepared when its turn comes
    doctor     let one look on
    ranks      processes that train together; the first alone has somebody who follows

    Raises KeyboardInterrupt after a checkpoint, and DivergedError with the best weights restored.
    """
    state, saved = LoopState(), checkpoints.found(progress)
    if saved is not None:
        state = LoopState.of(saved["position"], (recipe.batch_size or 1) * recipe.accumulate)
        if state.step == 0:  # between two phases
            checkpoint.restore(spread(saved, checkpoints.whole), whole=checkpoints.whole)
            saved = None
    consumers: list[Consumer] = [checkpoints] if checkpoints.sharded else []
    if ranks.first:
        tracked = Tracked(folder, recipe.to_mapping(), state, progress)
        consumers = [Shown(progress), tracked, checkpoints]
        consumers += [Examined(folder, progress)] if doctor and not checkpoints.sharded else []
    ended = False
    try:
        for phase in remaining(state.phase):
            with interrupt.deferred():
                train_phase(phase, recipe, state, consumers, interrupt, saved)
                saved = None
                state.phase, state.step = state.phase + 1, 0
                state.begin_epoch()
                for consumer in consumers:
                    consumer.phase_ended(state)
        ended = True
    finally:
        for consumer in consumers:
            consumer.close(ended)
    return state.history


def train_phase(
    phase: TrainingPhase,
    recipe: Recipe,
    state: LoopState,
    consumers: Sequence[Consumer],
    interrupt: Interrupt,
    saved: dict[str, Any] | None = None,
) -> None:
    """One phase, from its beginning or from a checkpoint, to its end; it leaves the best weights.

    saved  the checkpoint of a run that was interrupted in the midst of this phase

    Raises KeyboardInterrupt after a step, when the interrupt asks for it, and DivergedError with
    the best weights restored.
    """
    begin(phase, state, saved)
    for consumer in consumers:
        consumer.begin(phase, state)
    earlier, began, ranks = state.elapsed, time.monotonic(), phase.ranks
    steps = fit(
        phase.network,
        stream(phase.batches, phase.epochs, state.step * recipe.accumulate),
        phase.loss,
        phase.optimizer,
        phase.schedule,
        precision=phase.precision,
        clip=recipe.clip,
        accumulate=recipe.accumulate,
        average=phase.average,
        penalty=penalty_of(recipe, len(phase.batches)),
        gradients=phase.gradients,
        call=phase.call,
        seed=recipe.seed,
        first_step=state.step,
        ranks=ranks,
    )
    try:
        for step in steps:
            state.step = step.number
            state.add(step.loss, step.weight)
            elapsed = earlier + time.monotonic() - began
            # What clocks and signals say decides in all processes alike.
            state.elapsed, took, stopping = ranks.highest(
                elapsed, step.seconds, interrupt.requested
            )
            if isinstance(phase.schedule, Budget):
                phase.schedule.observe(step.number, took, state.elapsed)
            for consumer in consumers:
                consumer.step(step, phase)
            # A machine that has slowed down since the schedule was planned is not waited for.
            over = step.number >= phase.schedule.total or state.elapsed >= phase.end
            if over or ends_epoch(step.number, len(phase.batches), recipe.accumulate):
                over |= end_epoch(phase, recipe, state, consumers, step)
                if isinstance(phase.schedule, Budget) and not over:
                    (state.elapsed,) = ranks.highest(earlier + time.monotonic() - began)
                    phase.schedule.epoch(step.number, state.elapsed)
            if over:
                break
            for consumer in consumers:
                consumer.between(phase, state, last=bool(stopping))
            if stopping:
                raise KeyboardInterrupt
    except DivergedError:
        phase.stopping.restore(phase.network)
        raise
    finally:
        steps.close()
        state.elapsed = earlier + time.monotonic() - began
    if phase.average is not None and not phase.stopping.weights:
        phase.average.copy_to(phase.network)
    phase.stopping.restore(phase.network)


def begin(phase: TrainingPhase, state: LoopState, saved: dict[str, Any] | None) -> None:
    """Bring a phase to where a checkpoint left it; a fresh one learns what it has to beat."""
    if saved is not None:
        parts = spread(saved, phase.network, phase.optimizer)
        checkpoint.restore(parts, **phase.stateful)
        best_weights = phase.stopping.weights
        if best_weights and not same_shapes(best_weights, phase.network.state_dict()):
            raise ModelFileError("the checkpoint's best weights are those of another network")
    elif (best := best_epoch(state.history)) is not None:
        score = state.history[best - 1].get("validation_score", -math.inf)
        phase.stopping.observe(score, phase.network)


def end_epoch(
    phase: TrainingPhase,
    recipe: Recipe,
    state: LoopState,
    consumers: Sequence[Consumer],
    step: Step,
) -> bool:
    """Validate, keep the weights if they are the best, and write a row; is patience exhausted?"""
    average, exhausted = phase.average, False
    number = len(state.history) + 1
    if not phase.ranks.alike(phase.network):
        raise TrainingError(
            "the processes that train together have come to different weights",
            where=f"step {step.number}",
            remedy="Give all the same versions and kinds of processors; then resume.",
        )
    with average.applied(phase.network) if average else nullcontext():
        scores = phase.validate() if phase.validate else None
        if scores is not None:
            score = selection_score(scores, number, recipe.keep)
            exhausted = phase.stopping.observe(score, phase.network)
    averaged = average.steps if average and recipe.swa else None
    state.history.append(row(number, phase.name, step, state.mean, scores, averaged, recipe.keep))
    state.begin_epoch()
    for consumer in consumers:
        consumer.epoch(state.history, scores)
    return exhausted


def penalty_of(recipe: Recipe, batches: int) -> Penalty | None:
    """L1 and L2 on the weights, from an epoch on."""
    if not (recipe.l1 or recipe.l2):
        return None
    first = steps_in(recipe.penalty_from, batches, recipe.accumulate)
    return Penalty(recipe.l1, recipe.l2, first)


def stream(batches: EpochBatches, epochs: int, first: int) -> Iterator[Batch]:
    """The batches of all epochs, from number `first` on."""
    epoch, start = divmod(first, len(batches))
    for number in range(epoch, epochs):
        yield from batches.epoch(number, start)
        start = 0

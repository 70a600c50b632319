"""The progress of training, as it happens: live lines on a terminal, plain lines elsewhere.

It is a consumer of steps and epochs, and it must not slow them down: reading a loss waits for the
device, so that is done a few times a second at most, and only where the loss is shown. Everything
goes to the error stream; results have the other one to themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Self, TextIO

from vitreous.formats import decimals, duration
from vitreous.progress.throughput import Meter, Shown, StepMeter, Stepped

_begun: list[Progress] = []
HEARTBEAT = 60.0  # seconds after which a plain line tells that an epoch goes on


class Progress:
    """Keeps count and shows nothing; every call may be made.

    with progress() as p:
        read(data, progress=p.task("reading images"))    a task calls back with (done, total)
        p.begin("network", total_steps=900)              training begins, or goes on
        p.step(step)                                     after each optimizer step
        p.epoch(1, {"loss": 0.2}, scores)                after each evaluation
        p.note("...")                                    a sentence that stays
    """

    clock: Callable[[], float] = time.monotonic
    work: Meter | None = None  # the stage under way
    phases: tuple[StepMeter, ...] = ()  # of training

    @cached_property
    def training(self) -> StepMeter:
        """The phase under way."""
        return StepMeter("", self.clock, epoch=1)

    def __enter__(self) -> Self:
        _begun.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _begun.remove(self)
        self.end()

    def end(self) -> None:
        """What was under way makes room for other work."""
        self.end_stage()
        self.training.end()

    def end_stage(self) -> None:
        self.work = None

    def stage(self, text: str, total: int | None = None) -> None:
        """Some work begins that is no training; `total` counts what `advance` reports."""
        self.end()
        self.work = Meter(text, self.clock, total)

    def advance(self, count: int = 1) -> None:
        """So much more of the stage is done."""
        if self.work:
            self.work.add(count)

    def advance_to(self, done: int, total: int | None = None) -> None:
        """So much of the stage is done altogether."""
        if self.work:
            self.work.reach(done, total)

    def task(self, text: str) -> Callable[[int, int], None]:
        """A stage that begins with the first call back of (done, total)."""
        begun = False

        def advance_to(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                self.stage(text, total)
                begun = True
            self.advance_to(done, total)

        return advance_to

    def begin(
        self,
        text: str,
        total_steps: int | None = None,
        done: int = 0,
        epochs: int | None = None,
        epochs_done: int | None = None,
    ) -> None:
        """Training begins, of which `done` steps were taken before it was resumed.

        epochs       the number of its last epoch, where that is known
        epochs_done  how many are measured, those of earlier phases and before a resume too
        """
        self.end()
        # Nobody here has seen the epochs before a resume: no number is better than a wrong one.
        epoch = None if done else self.training.next_epoch
        epoch = epoch if epochs_done is None else epochs_done + 1
        self.training = StepMeter(text, self.clock, total_steps, done, epochs=epochs, epoch=epoch)
        self.phases += (self.training,)

    def step(self, step: Stepped, total_steps: int | None = None) -> None:
        """An optimizer step was taken; `total_steps` if that has changed."""
        self.end_stage()
        self.training.take(step, total_steps)

    def epoch(self, number: int, losses: Mapping[str, float], scores: Sequence[Shown]) -> None:
        """An epoch was measured.

        losses  by the words they are shown with, such as "loss" and "validation loss"
        scores  the one to judge by first
        """
        self.end_stage()
        self.training.end_epoch(number, scores)

    def note(self, text: str) -> None:
        """A sentence that stays."""


def silent() -> Progress:
    """Progress that shows nothing."""
    return Progress()


def under_way() -> Progress:
    """The progress that was begun last and goes on, for work deep inside of a call that anybody may
    make, such as opening data; silent where there is none.
    """
    return _begun[-1] if _begun else silent()


class PlainProgress(Progress):
    """One line a stage and an epoch; one a minute where an epoch takes long."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]):
        self.stream, self.clock, self.last_line = stream, clock, clock()

    def end_stage(self) -> None:
        if work := self.work:
            count = f"{work.done:,} in " if work.done else ""
            self._line(work.text, count + duration(work.elapsed))
        super().end_stage()

    def step(self, step: Stepped, total_steps: int | None = None) -> None:
        super().step(step, total_steps)
        if self.clock() - self.last_line >= HEARTBEAT:
            self.training.read(step)
            words, count = self.training.words(), f"step {self.training.count}"
            self._line(words["name"], count, words["loss"], words["rate"], words["time"])

    def epoch(self, number: int, losses: Mapping[str, float], scores: Sequence[Shown]) -> None:
        super().epoch(number, losses, scores)
        words = self.training.words()
        values = [f"{name} {decimals(value)}" for name, value in losses.items()]
        values += [f"{score.title} {score.text}" for score in scores]
        self._line(words["name"], *values, words["rate"], words["time"])

    def note(self, text: str) -> None:
        if self.work and self.work.total is not None and self.work.done >= self.work.total:
            self.end_stage()
        self._line(text)

    def _line(self, *parts: str) -> None:
        self.stream.write(one_line("  ".join(part for part in parts if part)) + "\n")
        self.stream.flush()
        self.last_line = self.clock()


def one_line(text: str) -> str:
    """A line without control characters, whatever file name it quotes."""
    return "".join(char if char.isprintable() else " " for char in text)

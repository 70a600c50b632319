"""The progress of training, as it happens: one live line on a terminal, plain lines elsewhere.

It is a consumer of steps and epochs, and it must not slow them down: reading a loss waits for the
device, so that is done a few times a second at most, and only where the loss is shown. Everything
goes to the error stream; results have the other one to themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from vitreous.progress.meter import (
    Pace,
    Stepped,
    number_in_words,
    pace_in_words,
    printable,
    scores_in_words,
)

HEARTBEAT = 60.0  # seconds after which a plain line tells that an epoch goes on


class Progress:
    """Silent progress, and the interface of all: every call may be made, nothing is shown.

    with progress() as p:
        read(data, progress=p.task("reading images"))    a task calls back with (done, total)
        p.begin("network", total_steps=900)              training begins, or goes on
        p.step(step)                                     after each optimizer step
        p.epoch({"epoch": 1, "train_loss": 0.2, "validation_accuracy": 0.97})
        p.note("...")                                    a sentence that stays
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def stage(self, text: str, total: int | None = None) -> None:
        """Some work begins that is no training; `total` counts what `advance` reports."""

    def advance(self, count: int = 1) -> None:
        """So much more of the stage is done."""

    def advance_to(self, done: int, total: int | None = None) -> None:
        """So much of the stage is done altogether."""

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
        self, text: str, total_steps: int | None = None, done: int = 0, epochs: int | None = None
    ) -> None:
        """Training begins, of which `done` steps were taken in an earlier sitting.

        epochs  the number of its last epoch, where that is known
        """

    def step(self, step: Stepped, total_steps: int | None = None) -> None:
        """An optimizer step was taken; `total_steps` if that has changed."""

    def epoch(self, scores: Mapping[str, Any]) -> None:
        """An epoch was measured: `epoch` is its number, and losses and scores are shown."""

    def note(self, text: str) -> None:
        """A sentence that stays."""


def silent() -> Progress:
    """Progress that shows nothing."""
    return Progress()


class PlainProgress(Progress):
    """One line a stage and an epoch; one a minute where an epoch takes long."""

    def __init__(self, pace: Pace, stream: TextIO):
        self.pace, self.stream = pace, stream
        self.last_line = pace.clock()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_stage()

    def stage(self, text: str, total: int | None = None) -> None:
        self._end_stage()
        self.pace.begin_stage(text, total)

    def advance(self, count: int = 1) -> None:
        self.pace.add(count)

    def advance_to(self, done: int, total: int | None = None) -> None:
        self.pace.reach(done, total)

    def begin(
        self, text: str, total_steps: int | None = None, done: int = 0, epochs: int | None = None
    ) -> None:
        self._end_stage()
        self.pace.begin_steps(text, total_steps, done, epochs)

    def step(self, step: Stepped, total_steps: int | None = None) -> None:
        self._end_stage()
        pace = self.pace
        pace.count(step, total_steps)
        if pace.clock() - self.last_line >= HEARTBEAT:
            pace.read(step)
            of = f"/{pace.total_steps:,}" if pace.total_steps else ""
            name = pace.epoch_under_way
            loss = number_in_words("loss", pace.loss)
            self._line(pace.phase, name, f"step {pace.last_step:,}{of}", loss, *pace_in_words(pace))

    def epoch(self, scores: Mapping[str, Any]) -> None:
        self._end_stage()
        self.pace.end_epoch(scores)
        name = self.pace.epoch_name(self.pace.epochs_done)
        self._line(self.pace.phase, name, *scores_in_words(scores), *pace_in_words(self.pace))

    def note(self, text: str) -> None:
        if self.pace.total is not None and self.pace.done >= self.pace.total:
            self._end_stage()
        self._line(text)

    def _end_stage(self) -> None:
        pace = self.pace
        if pace.text:
            seconds = pace.clock() - pace.stage_began
            count = f"{pace.done:,} in " if pace.done else ""
            self._line(pace.text, f"{count}{seconds:.1f} s")
            pace.begin_stage("", None)

    def _line(self, *parts: str) -> None:
        words = "  ".join(part for part in parts if part)
        self.stream.write(printable(words) + "\n")
        self.stream.flush()
        self.last_line = self.pace.clock()

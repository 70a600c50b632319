"""The progress of training, as it happens: one live line on a terminal, plain lines elsewhere.

It is a consumer of steps and epochs, and it must not slow them down: reading a loss waits for the
device, so that is done a few times a second at most, and only where the loss is shown. Everything
goes to the error stream; results have the other one to themselves.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from threading import Lock
from types import TracebackType
from typing import Any, Literal, Protocol, Self, SupportsFloat, TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

Style = Literal["auto", "live", "plain", "none"]

REFRESH = 0.1  # seconds between two drawings of the live line
READ = 0.2  # seconds between two readings of the loss
HEARTBEAT = 60.0  # seconds after which a plain line tells that an epoch goes on
BLOCKS = "▁▂▃▄▅▆▇█"
SPARKS = 16  # epochs that the sparkline shows
# What an epoch may be judged by, first what is chosen only where plain accuracy would mislead.
JUDGED = tuple(
    f"{part}{score}"
    for part in ("validation_", "")
    for score in ("map", "balanced_accuracy", "accuracy")
)
LOSSES = ("train_loss", "validation_loss", "loss")


class Stepped(Protocol):
    """What progress needs of a training step: `vitreous.train.Step` has it."""

    @property
    def number(self) -> int: ...
    @property
    def loss(self) -> SupportsFloat: ...
    @property
    def lr(self) -> float: ...
    @property
    def examples(self) -> int: ...


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

    def begin(self, text: str, total_steps: int | None = None, done: int = 0) -> None:
        """Training begins, of which `done` steps were taken in an earlier sitting."""

    def step(self, step: Stepped, total_steps: int | None = None) -> None:
        """An optimizer step was taken; `total_steps` if that has changed."""

    def epoch(self, scores: Mapping[str, Any]) -> None:
        """An epoch was measured: `epoch` is its number, and losses and scores are shown."""

    def note(self, text: str) -> None:
        """A sentence that stays."""


def silent() -> Progress:
    """Progress that shows nothing."""
    return Progress()


def progress(
    *,
    stream: TextIO | None = None,
    style: Style = "auto",
    total_steps: int | None = None,
    epochs: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Progress of a run.

    stream  where it is written, the error stream by default
    style   live: one line that changes; plain: one line an epoch, without control characters;
            none: nothing; auto: live on a terminal that can move its cursor, else plain
    total_steps, epochs  of the run, where they are known; `begin` may tell the steps later
    """
    stream = sys.stderr if stream is None else stream
    if style == "auto":
        capable = stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
        style = "live" if capable else "plain"
    if style == "none":
        return silent()
    plan = _Plan(total_steps, epochs, clock)
    return _Live(plan, stream) if style == "live" else _Plain(plan, stream)


class _Plan:
    """Where the run stands; rates and remaining time come from what was seen in this sitting."""

    def __init__(self, total_steps: int | None, epochs: int | None, clock: Callable[[], float]):
        self.total_steps, self.epochs, self.clock = total_steps, epochs, clock
        self.text, self.total, self.done = "", total_steps, 0
        self.stage_began = clock()
        self.phase, self.epochs_done = "", 0
        self.loss: float | None = None
        self.lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self.steps_began: float | None = None
        self.first_step = self.last_step = self.examples = 0

    def begin_stage(self, text: str, total: int | None) -> None:
        self.text, self.total, self.done = text, total, 0
        self.stage_began = self.clock()

    def begin_steps(self, text: str, total_steps: int | None, done: int) -> None:
        self.begin_stage("", None)
        self._forget()
        self.phase, self.last_step, self.loss = text, done, None
        self.total_steps = total_steps if total_steps is not None else self.total_steps

    def add(self, count: int) -> None:
        with self.lock:  # images are decoded by several threads
            self.done += count

    def reach(self, done: int, total: int | None) -> None:
        self.done = done
        self.total = total if total is not None else self.total

    def count(self, step: Stepped, total_steps: int | None) -> None:
        self.text = ""
        if self.steps_began is None:
            # The first step also warms up caches and kernels, so rates start after it.
            self.steps_began, self.first_step = self.clock(), step.number
        else:
            self.examples += step.examples
        self.last_step = step.number
        self.total_steps = total_steps if total_steps is not None else self.total_steps

    def read(self, step: Stepped) -> None:
        value = float(step.loss)
        self.loss = value if self.loss is None else 0.8 * self.loss + 0.2 * value

    def end_epoch(self, scores: Mapping[str, Any]) -> None:
        self.text = ""
        self.epochs_done = int(scores.get("epoch", self.epochs_done + 1))

    @property
    def rate(self) -> float | None:
        """Images a second."""
        if self.steps_began is None or not self.examples:
            return None
        return self.examples / max(self.clock() - self.steps_began, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds until the last step, evaluations between the epochs included."""
        seen = self.last_step - self.first_step
        if self.steps_began is None or self.total_steps is None or seen < 1:
            return None
        return (self.clock() - self.steps_began) / seen * max(self.total_steps - self.last_step, 0)

    @property
    def fraction(self) -> float | None:
        if self.total_steps:
            return min(self.last_step / self.total_steps, 1.0)
        return None

    @property
    def training(self) -> bool:
        return self.steps_began is not None or bool(self.phase)

    def epoch_name(self, number: int) -> str:
        if self.epochs is None:
            return f"epoch {number}"
        return f"epoch {min(number, self.epochs)}/{self.epochs}"


class _Plain(Progress):
    """One line a stage and an epoch; one a minute where an epoch takes long."""

    def __init__(self, plan: _Plan, stream: TextIO):
        self.plan, self.stream = plan, stream
        self.last_line = plan.clock()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_stage()

    def stage(self, text: str, total: int | None = None) -> None:
        self._end_stage()
        self.plan.begin_stage(text, total)

    def advance(self, count: int = 1) -> None:
        self.plan.add(count)

    def advance_to(self, done: int, total: int | None = None) -> None:
        self.plan.reach(done, total)

    def begin(self, text: str, total_steps: int | None = None, done: int = 0) -> None:
        self._end_stage()
        self.plan.begin_steps(text, total_steps, done)

    def step(self, step: Stepped, total_steps: int | None = None) -> None:
        self._end_stage()
        plan = self.plan
        plan.count(step, total_steps)
        if plan.clock() - self.last_line >= HEARTBEAT:
            plan.read(step)
            of = f"/{plan.total_steps:,}" if plan.total_steps else ""
            name = plan.epoch_name(plan.epochs_done + 1)
            loss = _number("loss", plan.loss)
            self._line(plan.phase, name, f"step {plan.last_step:,}{of}", loss, *_pace(plan))

    def epoch(self, scores: Mapping[str, Any]) -> None:
        self._end_stage()
        self.plan.end_epoch(scores)
        name = self.plan.epoch_name(self.plan.epochs_done)
        self._line(self.plan.phase, name, *_scores(scores), *_pace(self.plan))

    def note(self, text: str) -> None:
        self._line(text)

    def _end_stage(self) -> None:
        plan = self.plan
        if plan.text:
            seconds = plan.clock() - plan.stage_began
            count = f"{plan.done:,} in " if plan.done else ""
            self._line(plan.text, f"{count}{seconds:.1f} s")
            plan.begin_stage("", None)

    def _line(self, *parts: str) -> None:
        words = "  ".join(part for part in parts if part)
        self.stream.write(_printable(words) + "\n")
        self.stream.flush()
        self.last_line = self.plan.clock()


class _Live(Progress):
    """A line that is drawn over itself, ten times a second at most."""

    def __init__(self, plan: _Plan, stream: TextIO):
        self.plan = plan
        self.console = Console(file=stream, force_terminal=True, highlight=False)
        # No thread: the line is drawn between steps, when there is something new to draw.
        self.live = Live(
            console=self.console, auto_refresh=False, redirect_stderr=False, redirect_stdout=False
        )
        self.drawn = self.was_read = float("-inf")
        self.history: list[float] = []
        self.latest = ""

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._draw(now=True)
        self.live.stop()

    def stage(self, text: str, total: int | None = None) -> None:
        self.plan.begin_stage(text, total)
        self._draw(now=True)

    def advance(self, count: int = 1) -> None:
        self.plan.add(count)
        self._draw()

    def advance_to(self, done: int, total: int | None = None) -> None:
        self.plan.reach(done, total)
        self._draw(now=done == total)

    def begin(self, text: str, total_steps: int | None = None, done: int = 0) -> None:
        self.plan.begin_steps(text, total_steps, done)
        self.was_read = float("-inf")
        self._draw(now=True)

    def step(self, step: Stepped, total_steps: int | None = None) -> None:
        self.plan.count(step, total_steps)
        if self.plan.clock() - self.was_read >= READ:
            self.plan.read(step)
            self.was_read = self.plan.clock()
        self._draw()

    def epoch(self, scores: Mapping[str, Any]) -> None:
        self.plan.end_epoch(scores)
        judged = next((key for key in JUDGED if key in scores), None)
        if judged is not None:
            self.history.append(float(scores[judged]))
            self.latest = " ".join(_scores({judged: scores[judged]}))
        self._draw(now=True)

    def note(self, text: str) -> None:
        self.console.print(Text(_printable(text)))

    def _draw(self, *, now: bool = False) -> None:
        if now or self.plan.clock() - self.drawn >= REFRESH:
            self.live.update(self.line(), refresh=True)
            self.drawn = self.plan.clock()

    def line(self) -> RenderableType:
        """What is shown now; on a narrow terminal the less important parts give way."""
        plan = self.plan
        if plan.text:
            return self._stage_line()
        if not plan.training:
            return Text()
        name = f"{plan.phase} {plan.epoch_name(plan.epochs_done + 1)}".strip()
        parts = [
            (Text(name, style="bold"), 0),
            (Text(_number("loss", plan.loss)), 1),
            (Text(self.latest, style="green"), 2),
            (Text(sparkline(self.history), style="green"), 5),
            (Text(_rate(plan.rate), style="dim"), 4),
            (Text(_left(plan.left), style="cyan"), 3),
        ]
        return self._fitted(parts, plan.fraction)

    def _stage_line(self) -> RenderableType:
        plan = self.plan
        seconds = max(plan.clock() - plan.stage_began, 1e-9)
        known = bool(plan.total)
        count = f"{plan.done:,}" + (f"/{plan.total:,}" if plan.total else "")
        parts = [
            (Text(plan.text, style="bold"), 0),
            (Text(count if plan.done or known else ""), 1),
            (Text(_rate(plan.done / seconds) if plan.done else "", style="dim"), 2),
        ]
        return self._fitted(parts, min(plan.done / plan.total, 1.0) if plan.total else None)

    def _fitted(self, parts: list[tuple[Text, int]], fraction: float | None) -> RenderableType:
        """The parts that fit in one line, in their order; a bar takes what is left."""
        width = self.console.width - 1
        shown = [part for part in parts if part[0].plain]
        while len(shown) > 1 and sum(len(text) + 2 for text, _ in shown) > width:
            shown.remove(max(shown, key=lambda part: part[1]))
        texts = [text for text, _ in shown]
        room = min(width - sum(len(text) + 2 for text in texts), 40)
        line = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(len(texts) + 1):
            line.add_column(no_wrap=True, overflow="ellipsis")
        cells: list[RenderableType] = list(texts)
        if fraction is not None and room >= 8:
            cells.insert(1, ProgressBar(total=1.0, completed=fraction, width=room))
        line.add_row(*cells)
        return line


def sparkline(values: list[float], most: int = SPARKS) -> str:
    """The last values as a row of blocks between their least and their greatest."""
    recent = values[-most:]
    if len(recent) < 2:
        return ""
    low, high = min(recent), max(recent)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in recent)


def _scores(scores: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{_name(key)} {100 * value:.1f} %" if key in JUDGED else _number(_name(key), value)
        for key, value in scores.items()
        if key in JUDGED or key in LOSSES
    )


def _name(key: str) -> str:
    words = key.replace("train_loss", "loss").replace("_", " ")
    return words.replace("map", "mAP")


def _pace(plan: _Plan) -> tuple[str, ...]:
    return (_rate(plan.rate), _left(plan.left) if plan.left else "")


def _number(name: str, value: float | None) -> str:
    return (
        "" if value is None else f"{name} {value:.4g}" if value >= 1000 else f"{name} {value:.3f}"
    )


def _rate(rate: float | None) -> str:
    if rate is None:
        return ""
    return f"{rate:,.0f} img/s" if rate >= 10 else f"{rate:.1f} img/s"


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"


def _printable(text: str) -> str:
    """A line without control characters, whatever file name it quotes."""
    return "".join(char if char.isprintable() else " " for char in text)

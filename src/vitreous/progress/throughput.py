"""Throughput and ETA: how far some work is, how fast it goes and how long it will take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from threading import Lock
from typing import Protocol, SupportsFloat

from vitreous.formats import clock_time, decimals, throughput

BLOCKS = "▁▂▃▄▅▆▇█"
SPARKS = 16  # epochs that the sparkline shows


class Stepped(Protocol):
    """What progress needs of a training step: `vitreous.training.Step` has it."""

    @property
    def number(self) -> int: ...
    @property
    def loss(self) -> SupportsFloat: ...
    @property
    def seconds(self) -> float: ...
    @property
    def examples(self) -> int: ...


class Shown(Protocol):
    """What progress needs of a score: `vitreous.metrics.score.Score` has it."""

    @property
    def title(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def text(self) -> str: ...


@dataclass(eq=False)
class Meter:
    """A stage of work on images: `done` of `total`, where that is known."""

    text: str
    clock: Callable[[], float]
    total: int | None = None
    done: int = 0
    ended: float | None = None
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.began = self.since = self.clock()
        self.first = self.done  # what was done at `since`, from when on the speed is measured

    def add(self, count: int) -> None:
        with self.lock:  # images are decoded by several threads
            self.reach(self.done + count, None)

    def reach(self, done: int, total: int | None) -> None:
        self.done, self.total = done, self.total if total is None else total
        if done == self.total:
            self.end()

    def end(self) -> None:
        """Time stands still, until work goes on."""
        self.ended = self.clock() if self.ended is None else self.ended

    @property
    def elapsed(self) -> float:
        ended = self.ended  # read once: another thread draws
        return (self.clock() if ended is None else ended) - self.began

    @property
    def rate(self) -> float:
        """Images a second; 0 where none were seen."""
        return (self.done - self.first) / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def left(self) -> float:
        """Seconds until all is done; 0 where that is not known."""
        seen = self.done - self.first
        if self.total is None or seen < 1:
            return 0.0
        return (self.clock() - self.since) / seen * max(self.total - self.done, 0)

    @property
    def count(self) -> str:
        return f"{self.done:,}/{self.total:,}" if self.total else f"{self.done:,}"

    def words(self) -> dict[str, str]:
        """What there is to say, by its kind, in the order of a line."""
        left = f"{clock_time(self.left)} left" if self.left else ""
        over = self.ended is not None or self.done == self.total
        return {
            "name": self.text,
            "count": self.count if self.done or self.total else "",
            "rate": throughput(self.rate) if self.rate else "",
            "time": f"in {clock_time(self.elapsed)}" if over else left,
        }


@dataclass(eq=False)
class StepMeter(Meter):
    """A phase of training, which counts optimizer steps; `epochs` is the number of its last epoch.

    epoch  the number of the one under way, or of the last one if that is measured
    """

    epochs: int | None = None
    epoch: int | None = None
    measured: bool = False
    warm: bool = False
    images: int = 0
    seconds: float = 0.0
    loss: float | None = None
    was_read: float = -inf
    scores: Sequence[Shown] = ()
    history: list[float] = field(default_factory=list)

    def take(self, step: Stepped, total: int | None) -> None:
        if self.warm:
            self.images += step.examples
            self.seconds += step.seconds
        else:  # the first step also warms up caches and kernels: speed is measured after it
            self.since, self.first, self.warm = self.clock(), step.number, True
        self.reach(step.number, total)
        self.epoch, self.measured, self.ended = self.next_epoch, False, None

    def read(self, step: Stepped, every: float = 0.0) -> None:
        """Look at the loss, if that is `every` seconds ago: the device has to be waited for."""
        if self.clock() - self.was_read >= every:
            value = float(step.loss)
            self.loss = value if self.loss is None else 0.5 * (self.loss + value)
            self.was_read = self.clock()

    def end_epoch(self, number: int, scores: Sequence[Shown]) -> None:
        self.epoch, self.measured, self.scores = number, True, scores
        self.history += [score.value for score in scores[:1]]

    @property
    def next_epoch(self) -> int | None:
        """The epoch that a further step belongs to."""
        return None if self.epoch is None else self.epoch + self.measured

    @property
    def rate(self) -> float:
        """Images a second, while training: evaluation does not count."""
        return self.images / self.seconds if self.seconds > 0 else 0.0

    def words(self) -> dict[str, str]:
        words, of = super().words(), f"/{self.epochs}" if self.epochs else ""
        epoch = "" if self.epoch is None else f"epoch {self.epoch}{of}"
        return {
            "name": f"{self.text} {epoch}".strip(),
            "loss": "" if self.loss is None else f"loss {decimals(self.loss)}",
            "score": "".join(f"{score.title} {score.text}" for score in self.scores[:1]),
            "sparkline": sparkline(self.history),
            "rate": words["rate"],
            "time": words["time"],
        }


def sparkline(values: Sequence[float]) -> str:
    """The last values as a row of blocks between their least and their greatest."""
    recent = [value for value in values[-SPARKS:] if isfinite(value)]
    if len(recent) < 2:
        return ""
    low, high = min(recent), max(recent)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in recent)

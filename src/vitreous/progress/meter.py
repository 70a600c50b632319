"""Throughput and time left (ETA) of a run, and their formatting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Protocol, SupportsFloat

# What an epoch may be judged by, first what is chosen only where plain accuracy would mislead.
JUDGED = tuple(
    f"{part}{score}"
    for part in ("validation_", "")
    for score in ("map", "balanced_accuracy", "accuracy")
)
LOSSES = ("train_loss", "validation_loss", "loss")


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


class Pace:
    """Where the run stands, as far as this sitting has seen it."""

    def __init__(self, total_steps: int | None, epochs: int | None, clock: Callable[[], float]):
        self.total_steps, self.epochs, self.clock = total_steps, epochs, clock
        self.text, self.total, self.done = "", total_steps, 0
        self.began = self.stage_began = clock()
        self.phase, self.epochs_done = "", 0
        self.loss: float | None = None
        self.lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self.steps_began: float | None = None
        self.first_step = self.last_step = self.examples = 0
        self.seconds = 0.0

    def begin_stage(self, text: str, total: int | None) -> None:
        self.text, self.total, self.done = text, total, 0
        self.stage_began = self.clock()

    def begin_steps(
        self, text: str, total_steps: int | None, done: int, epochs: int | None
    ) -> None:
        self.begin_stage("", None)
        self._forget()
        self.phase, self.last_step, self.loss = text, done, None
        self.total_steps = total_steps if total_steps is not None else self.total_steps
        self.epochs = epochs if epochs is not None else self.epochs

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
            self.seconds += step.seconds
        self.last_step = step.number
        self.total_steps = total_steps if total_steps is not None else self.total_steps

    def read(self, step: Stepped) -> None:
        value = float(step.loss)
        self.loss = value if self.loss is None else 0.5 * (self.loss + value)

    def end_epoch(self, scores: Mapping[str, Any]) -> None:
        self.text = ""
        self.epochs_done = int(scores.get("epoch", self.epochs_done + 1))

    @property
    def rate(self) -> float | None:
        """Images a second, while training: evaluation does not count."""
        return self.examples / self.seconds if self.examples and self.seconds > 0 else None

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

    @property
    def epoch_under_way(self) -> str:
        ended = self.total_steps is not None and self.last_step >= self.total_steps
        return self.epoch_name(self.epochs_done if ended else self.epochs_done + 1)

    def epoch_name(self, number: int) -> str:
        if self.epochs is None:
            return f"epoch {number}"
        return f"epoch {min(number, self.epochs)}/{self.epochs}"


def scores_in_words(scores: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{name_in_words(key)} {100 * value:.1f} %"
        if key in JUDGED
        else number_in_words(name_in_words(key), value)
        for key, value in scores.items()
        if key in JUDGED or key in LOSSES
    )


def name_in_words(key: str) -> str:
    words = key.replace("train_loss", "loss").replace("_", " ")
    return words.replace("map", "mAP")


def pace_in_words(pace: Pace) -> tuple[str, ...]:
    return (rate_in_words(pace.rate), left_in_words(pace.left) if pace.left else "")


def number_in_words(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{name} {value:.3f}" if abs(value) < 1000 else f"{name} {value:.4g}"


def rate_in_words(rate: float | None) -> str:
    if rate is None:
        return ""
    return f"{rate:,.0f} img/s" if rate >= 10 else f"{rate:.1f} img/s"


def left_in_words(seconds: float | None) -> str:
    return "" if seconds is None else f"{clock_time(seconds)} left"


def clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def printable(text: str) -> str:
    """A line without control characters, whatever file name it quotes."""
    return "".join(char if char.isprintable() else " " for char in text)

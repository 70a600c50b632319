"""Learning rate schedule, as a factor on the peak rate.

A schedule is a pure function of the step number: nothing is stored, so nothing can be forgotten
when a run is resumed. Shapes are functions of progress in [0, 1], of which step k of n has reached
(k + ½) / n; the mean factor of a run is then the area under the shape, and no step is wasted at 0.
Loshchilov & Hutter (2017), "SGDR", arXiv:1608.03983 (cosine);
Smith & Topin (2018), "Super-convergence", arXiv:1708.07120 (one cycle);
Jordan (2024), "94% on CIFAR-10 in 3.29 seconds", arXiv:2404.00498 (triangle).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from vitreous.errors import UsageError, unknown

Shape = Callable[[float], float]


def constant(progress: float) -> float:
    return 1.0


def step(progress: float, milestones: Sequence[float] = (0.5, 0.75), factor: float = 0.1) -> float:
    """Constant between the milestones, at each of which it is multiplied by the factor."""
    return factor ** sum(progress >= milestone for milestone in milestones)


def cosine(progress: float) -> float:
    """Half a cosine from 1 to 0."""
    return (1 + math.cos(math.pi * progress)) / 2


def one_cycle(progress: float) -> float:
    """From 1/25 to 1 in the first three tenths, then to almost 0; both by half a cosine."""
    if progress < RISE:
        return 1 - (1 - 1 / 25) * cosine(progress / RISE)
    return 1e-5 + (1 - 1e-5) * cosine((progress - RISE) / (1 - RISE))


def triangle(progress: float) -> float:
    """Straight from 0.2 to 1 in the first 23 hundredths, then straight to 0.07."""
    if progress < PEAK:
        return 0.2 + 0.8 * progress / PEAK
    return 1 - 0.93 * (progress - PEAK) / (1 - PEAK)


PEAK = 0.23  # share of the triangle in which the rate rises
RISE = 0.3  # share of one cycle in which the rate rises

SCHEDULES: dict[str, Shape] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "one_cycle": one_cycle,
    "triangle": triangle,
}


@dataclass(frozen=True)
class Schedule:
    """The factor of each of a run's steps: `schedule(number)`, numbered from 0.

    name         a key of SCHEDULES
    total        number of optimizer steps of the whole run; after them the factor stays at its last
    warmup       share of all steps in which the factor rises linearly from 0; the shape follows
    milestones   of the step schedule, shares of its shape
    step_factor  of the step schedule, at each milestone
    hold         share of all steps after which the factor stays as it is
    """

    name: str
    total: int
    warmup: float = 0.0
    milestones: tuple[float, ...] = (0.5, 0.75)
    step_factor: float = 0.1
    hold: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in SCHEDULES:
            raise unknown("schedule", self.name, SCHEDULES, where="--schedule")
        if not 0 <= self.warmup < 1:
            raise UsageError(
                f"the warm-up takes {self.warmup:g} of the run",
                where="--warmup",
                remedy="Give a share of all steps, such as 0.05.",
            )
        if self.hold < self.warmup:
            raise UsageError(
                f"the rate would stay as it is from {self.hold:g} of the run on, in the middle of "
                f"a warm-up until {self.warmup:g}",
                where="--warmup, --swa",
                remedy="Let them sum to less than 1, such as 0.05 and 0.25.",
            )

    def __call__(self, number: int) -> float:
        return self.at(self.progress(number))

    def progress(self, number: int) -> float:
        """The share of the schedule that step `number`, from 0, has reached."""
        return (number + 0.5) / max(self.total, 1)

    def at(self, progress: float) -> float:
        """The factor at a share of the run, in [0, 1]."""
        progress = min(max(progress, 0.0), self.hold)
        shape = SCHEDULES[self.name]
        if shape is step:
            shape = partial(step, milestones=self.milestones, factor=self.step_factor)
        if progress < self.warmup:
            return shape(0.0) * progress / self.warmup
        return shape((progress - self.warmup) / (1 - self.warmup))

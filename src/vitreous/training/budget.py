"""Time budget: the first steps are measured, then the total is fixed so that training ends in time.

The clock is read once. After that the schedule is a pure function of the step number again, and it
ends where the time is expected to end; a resumed run follows the same schedule to the same bits.
"""

from __future__ import annotations

from typing import Any

from vitreous.fields import misfit
from vitreous.training.schedule import Schedule

SKIPPED = 3  # first steps, which are slower than the others
LEAST = 10  # measured steps
SHARE = 0.05  # of the time is spent on measuring
MARGIN = 0.95  # of the time that is left is planned for


class Budget:
    """A schedule that fits into a time: pass it to `fit` in place of the schedule itself.

        budget = Budget(Schedule("cosine", most_steps), seconds=600)
        for step in fit(model, batches, loss, optimizer, budget):
            budget.observe(step.number, step.seconds, elapsed)
            if step.number >= budget.total: ...

    schedule  its total is the largest number of steps, such as that of all epochs asked for
    seconds   for the whole training
    reserve   seconds to be left over at the end, such as for a last evaluation

    Other work between the steps, such as evaluation after an epoch, is measured along with them as
    far as it occurs in the first twentieth of the time. Progress through the schedule goes on
    without a jump where the total is settled.
    """

    def __init__(self, schedule: Schedule, seconds: float, *, reserve: float = 0.0):
        self.schedule = schedule
        self.seconds = seconds
        self.reserve = reserve
        self.total = schedule.total
        self.settled: int | None = None
        self.began = 0.0
        self.measured, self.spent = 0, 0.0

    def __call__(self, number: int) -> float:
        return self.schedule.at(self.progress(number))

    def progress(self, number: int) -> float:
        """The share of the schedule that step `number`, from 0, has reached."""
        middle = number + 0.5
        if self.settled is None or middle <= self.settled:
            return middle / self.schedule.total
        before = self.settled / self.schedule.total
        rest = max(self.total - self.settled, 1)
        return min(before + (1 - before) * (middle - self.settled) / rest, 1.0)

    def observe(self, number: int, seconds: float, elapsed: float) -> None:
        """Take note of a step; settle the total when enough have been seen.

        number   steps taken so far
        seconds  that this step took
        elapsed  seconds since training began, all work included
        """
        if self.settled is not None:
            return
        if number <= SKIPPED:
            self.began = elapsed
        else:
            self.measured, self.spent = self.measured + 1, self.spent + seconds
        enough = elapsed >= SHARE * self.seconds and self.measured >= LEAST
        if enough or elapsed >= self.seconds:
            self.settle(number, elapsed)

    def settle(self, number: int, elapsed: float) -> None:
        """End the schedule with the time, seen from step `number` after `elapsed` seconds."""
        if self.measured:
            each = max(self.spent, elapsed - self.began) / self.measured
        else:
            each = elapsed / max(number, 1)
        left = max(self.seconds - self.reserve - elapsed, 0.0) * MARGIN
        self.settled = number
        self.total = min(number + int(left / max(each, 1e-9)), self.schedule.total)
        self.total = max(self.total, number)

    def state_dict(self) -> dict[str, Any]:
        names = ("total", "settled", "began", "measured", "spent")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError for anything that `state_dict` does not give."""
        kinds = {"total": int, "settled": int | None, "began": float, "measured": int}
        if name := misfit(state, {**kinds, "spent": float}):
            raise ValueError(f"{name} is {state.get(name)!r:.80}")
        for name in self.state_dict():
            setattr(self, name, state[name])

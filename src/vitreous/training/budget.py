"""Time budget: the first steps are measured, then the total is fixed so that training ends in time.

After that the schedule is a pure function of the step number again, and it ends where the time is
expected to end; a resumed run follows the same schedule to the same bits. Only where a machine has
become so much slower or faster that the end would be missed is the rest planned again, at the end
of an epoch: a rate that never fell is worth more than the same bits on another clock.
"""

from __future__ import annotations

from typing import Any

from vitreous.fields import misfit
from vitreous.training.schedule import Schedule

SKIPPED = 3  # first steps, which are slower than the others
LEAST = 10  # measured steps
SHARE = 0.05  # of the time is spent on measuring
MARGIN = 0.95  # of the time that is left is planned for
MISSED = 0.1  # of the time, by which a plan may miss the end

KINDS: dict[str, Any] = {
    "total": int,
    "settled": int | None,
    "began": float,
    "measured": int,
    "spent": float,
}
PLANNED: dict[str, Any] = {"share": float, "seen": int, "seen_at": float}


class Budget:
    """A schedule that fits into a time: pass it to `fit` in place of the schedule itself.

        budget = Budget(Schedule("cosine", most_steps), seconds=600)
        for step in fit(model, batches, loss, optimizer, budget):
            budget.observe(step.number, step.seconds, elapsed)
            if step.number >= budget.total: ...
            if epoch_ended: budget.epoch(step.number, elapsed)

    schedule  its total is the largest number of steps, such as that of all epochs asked for
    seconds   for the whole training
    reserve   seconds to be left over at the end, such as for a last evaluation

    Other work between the steps, such as evaluation after an epoch, is measured along with them as
    far as it occurs in the first twentieth of the time. Progress through the schedule goes on
    without a jump wherever the total is settled.

    total    steps of the whole run, as planned last
    settled  the step at which that was; None before the first plan
    share    of the schedule that this step had reached
    """

    def __init__(self, schedule: Schedule, seconds: float, *, reserve: float = 0.0):
        self.schedule = schedule
        self.seconds = seconds
        self.reserve = reserve
        self.total = schedule.total
        self.settled: int | None = None
        self.share = 0.0
        self.began = 0.0
        self.measured, self.spent = 0, 0.0
        self.seen, self.seen_at = 0, 0.0  # the step and the time up to which epochs were looked at

    def __call__(self, number: int) -> float:
        return self.schedule.at(self.progress(number))

    def progress(self, number: int) -> float:
        """The share of the schedule that step `number`, from 0, has reached."""
        middle = number + 0.5
        if self.settled is None or middle <= self.settled:
            return middle / self.schedule.total
        rest = max(self.total - self.settled, 1)
        return min(self.share + (1 - self.share) * (middle - self.settled) / rest, 1.0)

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
        self._plan(number, self._steps(each, elapsed), number / self.schedule.total)
        self.seen, self.seen_at = number, elapsed

    def epoch(self, number: int, elapsed: float) -> bool:
        """At the end of an epoch: settle the total anew where the time would be missed.

        number   steps taken so far
        elapsed  seconds since training began, the epoch's evaluation included

        Returns whether the plan was changed.
        """
        steps, spent = number - self.seen, elapsed - self.seen_at
        if self.settled is None or steps < LEAST or spent < SHARE * self.seconds:
            return False
        self.seen, self.seen_at = number, elapsed
        each = spent / steps
        possible = self._steps(each, elapsed)
        planned, most = self.total - number, self.schedule.total - number
        if abs(min(possible, most) - planned) * each <= MISSED * self.seconds:
            return False
        self._plan(number, possible, (self.progress(number - 1) + self.progress(number)) / 2)
        return True

    def _steps(self, each: float, elapsed: float) -> int:
        """How many steps of so many seconds fit into what is left of the time."""
        left = max(self.seconds - self.reserve - elapsed, 0.0) * MARGIN
        return int(left / max(each, 1e-9))

    def _plan(self, number: int, steps: int, share: float) -> None:
        self.settled, self.share = number, share
        self.total = max(min(number + steps, self.schedule.total), number)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*KINDS, *PLANNED)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError for anything that `state_dict` does not give."""
        given = {**state}
        if isinstance(settled := given.get("settled"), int):  # checkpoints of older versions
            given.setdefault("share", settled / max(self.schedule.total, 1))
        for name in PLANNED:
            given.setdefault(name, getattr(self, name))
        if wrong := misfit(given, {**KINDS, **PLANNED}):
            raise ValueError(f"{wrong} is {given.get(wrong)!r:.80}")
        for name in self.state_dict():
            setattr(self, name, given[name])

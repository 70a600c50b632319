from __future__ import annotations

from itertools import pairwise

import pytest

from vitreous.training.budget import Budget
from vitreous.training.schedule import Schedule


def simulate(budget: Budget, step_seconds: float, extra: float = 0.0) -> tuple[float, list[float]]:
    """Elapsed time and factors of a run whose steps take that long, each with extra work."""
    elapsed, factors, number = 0.0, [], 0
    while number < budget.total:
        factors.append(budget(number))
        number += 1
        elapsed += step_seconds + extra
        budget.observe(number, step_seconds, elapsed)
    return elapsed, factors


@pytest.mark.parametrize("step_seconds", [0.003, 0.1, 1.0])
def test_it_ends_within_the_time_and_uses_most_of_it(step_seconds: float) -> None:
    budget = Budget(Schedule("cosine", 1_000_000), seconds=60)
    elapsed, factors = simulate(budget, step_seconds)
    assert 0.85 * 60 < elapsed <= 60
    assert factors[-1] < 0.05  # the schedule has come to its end as well


def test_the_rate_does_not_jump_where_the_total_is_settled() -> None:
    budget = Budget(Schedule("one_cycle", 100_000), seconds=60)
    _, factors = simulate(budget, 0.05)
    jumps = [abs(b - a) for a, b in pairwise(factors)]
    assert max(jumps) < 0.01


def test_other_work_between_the_steps_is_planned_for() -> None:
    budget = Budget(Schedule("cosine", 1_000_000), seconds=60)
    elapsed, _ = simulate(budget, 0.05, extra=0.05)
    assert 0.85 * 60 < elapsed <= 60


def test_a_reserve_is_left_over() -> None:
    budget = Budget(Schedule("cosine", 1_000_000), seconds=60, reserve=20)
    elapsed, _ = simulate(budget, 0.05)
    assert 0.85 * 40 < elapsed <= 40


def test_enough_time_changes_nothing() -> None:
    schedule = Schedule("cosine", 300)
    budget = Budget(schedule, seconds=1000)
    _, factors = simulate(budget, 0.1)
    assert budget.total == 300
    assert factors == pytest.approx([schedule(n) for n in range(300)])


def test_a_time_too_short_for_any_measurement_ends_at_once() -> None:
    budget = Budget(Schedule("cosine", 1000), seconds=1)
    elapsed, factors = simulate(budget, 5.0)
    assert (elapsed, len(factors)) == (5.0, 1)


def test_a_resumed_run_reads_no_clock() -> None:
    budget = Budget(Schedule("cosine", 10_000, 0.1), seconds=10)
    simulate(budget, 0.01)
    again = Budget(Schedule("cosine", 10_000, 0.1), seconds=10)
    again.load_state_dict(budget.state_dict())
    again.observe(500, 99.0, 1e9)  # a slower machine, much later
    assert again.total == budget.total
    assert [again(n) for n in range(2000)] == [budget(n) for n in range(2000)]


def test_measuring_goes_on_after_an_early_interruption() -> None:
    budget = Budget(Schedule("cosine", 10_000), seconds=10)
    for number in range(1, 8):
        budget.observe(number, 0.01, 0.01 * number)
    assert budget.settled is None
    again = Budget(Schedule("cosine", 10_000), seconds=10)
    again.load_state_dict(budget.state_dict())
    assert again.state_dict() == budget.state_dict()

from __future__ import annotations

from collections.abc import Callable
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


EPOCH = 50  # steps


def simulate_epochs(
    budget: Budget, cost: Callable[[float], float]
) -> tuple[float, list[float], list[int]]:
    """Elapsed time, factors, and the totals that were planned at ends of epochs.

    cost  seconds of a step, by the time at which it begins
    """
    elapsed, factors, plans, number = 0.0, [], [], 0
    while number < budget.total and elapsed < budget.seconds:
        factors.append(budget(number))
        number += 1
        seconds = cost(elapsed)
        elapsed += seconds
        budget.observe(number, seconds, elapsed)
        if number % EPOCH == 0 and budget.epoch(number, elapsed):
            plans.append(budget.total)
    return elapsed, factors, plans


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_a_machine_that_changes_its_pace_still_ends_in_time_at_a_low_rate(
    name: str, factor: float
) -> None:
    budget = Budget(Schedule(name, 1_000_000), seconds=600)
    elapsed, factors, plans = simulate_epochs(budget, lambda t: 0.1 * (factor if t > 200 else 1))
    assert plans
    assert 0.85 * 600 < elapsed <= 600
    assert factors[-1] < 0.01
    assert max(abs(b - a) for a, b in pairwise(factors)) < 0.01  # and nowhere a jump


def test_without_planning_again_the_rate_would_not_have_fallen() -> None:
    """The test above can fail."""
    budget = Budget(Schedule("cosine", 1_000_000), seconds=600)
    budget.epoch = lambda number, elapsed: False  # type: ignore[method-assign]
    _, factors, _ = simulate_epochs(budget, lambda t: 0.1 * (3 if t > 200 else 1))
    assert factors[-1] > 0.2


def test_a_steady_machine_keeps_its_first_plan() -> None:
    budget = Budget(Schedule("cosine", 1_000_000), seconds=600)
    steps = iter(range(1_000_000))
    _, _, plans = simulate_epochs(budget, lambda t: 0.1 * (1.05 if next(steps) % 2 else 0.95))
    assert plans == []


def test_a_plan_never_has_more_steps_than_the_epochs_asked_for() -> None:
    budget = Budget(Schedule("cosine", 3_000), seconds=600)
    _, factors, _ = simulate_epochs(budget, lambda t: 0.1 if t > 60 else 0.5)
    assert len(factors) == 3_000
    assert factors[-1] < 0.01


def test_a_resumed_run_follows_the_last_plan() -> None:
    budget = Budget(Schedule("one_cycle", 1_000_000), seconds=600)
    _, _, plans = simulate_epochs(budget, lambda t: 0.1 * (3 if t > 200 else 1))
    assert plans
    again = Budget(Schedule("one_cycle", 1_000_000), seconds=600)
    again.load_state_dict(budget.state_dict())
    assert [again(n) for n in range(5000)] == [budget(n) for n in range(5000)]
    assert again.state_dict() == budget.state_dict()


def test_a_checkpoint_without_plans_is_read() -> None:
    budget = Budget(Schedule("cosine", 10_000), seconds=10)
    simulate(budget, 0.01)
    older = {name: budget.state_dict()[name] for name in ("total", "settled", "began", "measured")}
    again = Budget(Schedule("cosine", 10_000), seconds=10)
    again.load_state_dict({**older, "spent": budget.spent})
    assert [again(n) for n in range(2000)] == [budget(n) for n in range(2000)]

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitreous.errors import UsageError
from vitreous.training.schedule import SCHEDULES, Schedule

names = st.sampled_from(sorted(SCHEDULES))
totals = st.integers(1, 5000)
warmups = st.floats(0, 0.9)


@settings(deadline=None, derandomize=True)
@given(names, totals, warmups)
def test_within_zero_and_peak(name: str, total: int, warmup: float) -> None:
    factors = [Schedule(name, total, warmup)(n) for n in range(0, total, max(total // 97, 1))]
    assert all(0 < factor <= 1 for factor in factors)


@settings(deadline=None, derandomize=True)
@given(names, st.floats(0.01, 0.9))
def test_the_end_of_the_warm_up_is_no_jump(name: str, warmup: float) -> None:
    schedule = Schedule(name, 100, warmup)
    before, after = schedule.at(warmup * (1 - 1e-9)), schedule.at(warmup * (1 + 1e-9))
    assert before == pytest.approx(after, abs=1e-6)
    assert schedule.at(0.0) == 0


def test_warm_up_is_linear() -> None:
    schedule = Schedule("constant", 100, 0.1)
    assert [schedule(n) for n in range(12)] == pytest.approx(
        [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1, 1]
    )


def test_constant() -> None:
    assert {Schedule("constant", 10)(n) for n in range(20)} == {1.0}


def test_step_divides_by_ten_twice() -> None:
    factors = [Schedule("step", 8)(n) for n in range(8)]
    assert factors == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_step_with_milestones_and_a_factor_of_ones_own() -> None:
    schedule = Schedule("step", 10, milestones=(0.2, 0.5, 0.9), step_factor=0.5)
    factors = [schedule(n) for n in range(10)]
    assert factors == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125]
    others = {name: Schedule(name, 10, milestones=(0.2,)) for name in SCHEDULES if name != "step"}
    assert all(other(5) == Schedule(name, 10)(5) for name, other in others.items())


@settings(deadline=None, derandomize=True)
@given(names, st.floats(0.1, 1), st.integers(1, 300))
def test_held_from_some_share_on(name: str, hold: float, total: int) -> None:
    plain, held = Schedule(name, total), Schedule(name, total, hold=hold)
    for number in range(total):
        if plain.progress(number) <= hold:
            assert held(number) == plain(number)
        else:
            assert held(number) == plain.at(hold)


def test_cosine_by_its_formula_and_its_mean() -> None:
    factors = [Schedule("cosine", 40)(n) for n in range(40)]
    assert factors == pytest.approx(
        [(1 + math.cos(math.pi * (n + 0.5) / 40)) / 2 for n in range(40)]
    )
    assert sum(factors) / 40 == pytest.approx(0.5)


def test_one_cycle_rises_and_falls_once() -> None:
    factors = [Schedule("one_cycle", 1000)(n) for n in range(1000)]
    top = max(range(1000), key=factors.__getitem__)
    assert 298 <= top <= 301
    assert factors[:top] == sorted(factors[:top])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert factors[0] == pytest.approx(1 / 25, abs=1e-3)
    assert factors[-1] < 1e-4


def test_after_the_end_it_stays() -> None:
    schedule = Schedule("cosine", 10)
    assert schedule(10) == schedule(1000) == 0


def test_wrong_choices_are_named() -> None:
    with pytest.raises(UsageError, match="cosine"):
        Schedule("cosin", 10)
    with pytest.raises(UsageError, match="warm-up"):
        Schedule("cosine", 10, 1.5)
    with pytest.raises(UsageError, match=r"from 0.2 of the run on, .* until 0.5") as caught:
        Schedule("cosine", 10, 0.5, hold=0.2)
    assert caught.value.where == "--warmup, --swa"


def test_triangle_by_its_corners() -> None:
    schedule = Schedule("triangle", 1000)
    corners = [schedule.at(progress) for progress in (0, 0.115, 0.23, 0.615, 1)]
    assert corners == pytest.approx([0.2, 0.6, 1, 0.535, 0.07])

"""Axes are round, lines keep their peaks, and large matrices stay small."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vitreous.drawing.axis import axis, tight_axis
from vitreous.drawing.chart import Line, line_chart, profile_chart, thin
from vitreous.drawing.confusion_map import MOST_CELLS, heat_map
from vitreous.formats import percent, plain, round_percent


@given(
    st.lists(st.floats(-1e9, 1e9).filter(lambda v: v == 0 or abs(v) > 1e-9), min_size=1),
    st.booleans(),
)
def test_an_axis_holds_its_values_between_few_round_ticks(values: list[float], zero: bool) -> None:
    found = axis(values, zero=zero)
    slack = 1e-6 * (found.high - found.low)
    assert found.low - slack <= min(values)
    assert max(values) <= found.high + slack
    assert 2 <= len(found.ticks) <= 12
    assert list(found.ticks) == sorted(set(found.ticks))


@given(st.lists(st.floats(1e-8, 1e8), min_size=1))
def test_a_logarithmic_axis_holds_its_values(values: list[float]) -> None:
    found = axis(values, log=True)
    assert found.low <= min(values) * 1.0001
    assert found.high >= max(values) * 0.9999
    assert 2 <= len(found.ticks) <= 12
    places = found.place(values)
    assert ((places >= -1e-6) & (places <= 1 + 1e-6)).all()


def test_epochs_have_whole_ticks() -> None:
    assert tight_axis([1, 2, 3]).ticks == (1, 2, 3)
    assert tight_axis([1, 2]).ticks == (1, 2)
    assert tight_axis([1, 60]).ticks == (10, 20, 30, 40, 50, 60)
    assert tight_axis([0.5, 1, 1.5]).ticks == (0.6, 0.8, 1.0, 1.2, 1.4)


def test_ticks_are_the_usual_ones() -> None:
    assert axis([0.0, 1.0]).ticks == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert axis([3.0, 97.0]).ticks == (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)
    assert axis([0.02, 3.0], log=True).ticks[0] == 0.01
    assert axis([]).ticks


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (120.4, "120"), (0.5, "0.5"), (12.34, "12.3"), (0.001, "0.001"), (1e-5, "1e-05"),
     (2500.0, "2,500"), (0.1, "0.1"), (1e7, "1e+07")],
)  # fmt: skip
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert plain(value) == text


def test_what_is_nearly_all_is_not_all() -> None:
    assert percent(1.0) == "100.0\u202f%"
    assert percent(0.9999) == ">99.9\u202f%"
    assert percent(0.99949) == "99.9\u202f%"
    assert percent(0.00001, 2) == "<0.01\u202f%"
    assert percent(0.0) == "0.0\u202f%"
    assert round_percent(0.975) == "97.5\u202f%"


def test_thinning_keeps_ends_and_peaks() -> None:
    ys = np.sin(np.arange(20_000) / 900)
    ys[12_345], ys[777] = 9.0, np.nan
    xs, kept = thin(np.arange(20_000), ys, 500)
    assert len(xs) <= 500
    assert (xs[0], xs[-1]) == (0, 19_999)
    assert kept.max() == 9.0
    assert not np.isnan(kept).any()
    assert (np.diff(xs) > 0).all()
    assert len(thin([1, 2, 3], [1, 2, 3])[0]) == 3


def test_long_runs_make_small_charts_that_speak() -> None:
    epochs = list(range(1, 10_001))
    chart = line_chart(
        [Line("training", epochs, [1 / e for e in epochs])],
        title="Loss",
        x_label="epoch",
        mark=(500.0, "kept"),
    )
    assert len(chart) < 12_000
    assert "training goes from 1 to 0.0001," in chart
    assert "kept" in chart


@pytest.mark.parametrize("ys", [[], [0.5], [0.3, 0.3], [float("nan"), 0.2], [0.0, -1.0]])
def test_degenerate_lines_are_drawn(ys: list[float]) -> None:
    chart = line_chart([Line("a", list(range(len(ys))), ys)], title="t", x_label="x")
    assert "nan" not in chart
    assert "inf" not in chart


def cells(matrix: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Rows, columns and counts of the cells that are not empty."""
    rows, columns = np.nonzero(matrix)
    return rows, columns, matrix[rows, columns]


def test_the_heat_map_stays_small_and_complete() -> None:
    generator = np.random.default_rng(0)
    matrix = generator.integers(0, 3, (1000, 1000)) + np.diag(np.full(1000, 500))
    chart = heat_map(*cells(matrix), [f"c{k}" for k in range(1000)])
    assert len(chart) < 800_000
    small = np.diag([3, 0, 2])
    small[0, 2] = 1
    drawn = heat_map(*cells(small), ["a", "b", "c"])
    assert drawn.count('class="right"') == 2  # a full row and three quarters of one
    assert drawn.count('class="wrong"') == 1
    assert "M2 0h1v1h-1z" in drawn
    assert MOST_CELLS < 1000 * 1000


def test_a_profile_says_what_it_shows() -> None:
    profile = profile_chart([("training", [5, 100, 20])], title="Images")
    assert "3 classes, from 100 to 5 images" in profile


def test_few_classes_of_one_size_are_told_apart() -> None:
    """A bar each; of many classes one area."""
    few, many = (
        re.findall(r'class="area s1" d="([^"]*)"', profile_chart([("", [7] * count)], title=""))[0]
        for count in (10, 100)
    )
    assert (few.count("M"), many.count("M")) == (10, 1)
    assert few.startswith("M0.0 1000V")
    assert "H85.0V1000ZM100.0 1000V" in few


def test_shares_stand_between_nothing_and_all() -> None:
    """Linear, however small they are, and with a legend."""
    chart = line_chart(
        [Line("cat", [0, 0.5, 1], [1, 0.9, 0.001])], title="t", x_label="recall", kind="shares"
    )
    assert ">cat<" in chart
    ticks = re.findall(r'class="y tick" style="top:([\d.]+)%">([^<]*)<', chart)
    assert [ticks[0], ticks[-1]] == [("100.00", "0"), ("0.00", "1")]

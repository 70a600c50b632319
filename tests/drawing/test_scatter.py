"""Answers over truths: every point has its place, and what has none is said."""

from __future__ import annotations

import re

import numpy as np
import pytest

from vitreous.drawing.scatter import MOST_DOTS, scatter_chart


def test_a_right_answer_lies_on_the_diagonal() -> None:
    chart = scatter_chart([0.0, 5.0, 10.0], [0.0, 5.0, 2.0], title="Ages", unit="years")
    (path,) = re.findall(r'class="dots" d="([^"]*)"', chart)
    assert path == "M0 1000h.1M500 500h.1M1000 800h.1"  # from the upper left corner
    assert (
        'aria-label="Ages: 3 points; truths from 0 to 10 years, answers from 0 to 5 years; half of'
        ' the answers are off by at most 0 years."' in chart
    )
    assert chart.count("(years)") == 2


def test_of_many_points_some_are_drawn_and_it_is_said() -> None:
    truth = np.random.default_rng(0).permutation(10_000.0 * np.arange(20_000))
    chart = scatter_chart(truth.tolist(), truth.tolist(), title="t")
    assert chart.count("h.1") == MOST_DOTS
    assert "3,000 of 20,000 points are drawn." in chart
    assert "M0 1000h.1" in chart
    assert len(chart) < 80_000


def test_what_is_not_finite_is_left_out_and_said() -> None:
    chart = scatter_chart([1.0, 2.0, np.nan], [1.0, np.inf, 3.0], title="t")
    assert chart.count("h.1") == 1
    assert "2 that are no finite numbers are left out." in chart


@pytest.mark.parametrize("values", [[], [3.0], [2.0, 2.0]])
def test_few_points_are_drawn(values: list[float]) -> None:
    chart = scatter_chart(values, values, title="<t>")
    assert "nan" not in chart
    assert "<t>" not in chart
    assert chart.count("h.1") == len(values)

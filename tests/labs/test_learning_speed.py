"""Descent beside a saddle: it waits as long as its linear part says."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.labs.learning_speed import STEP, saddle


def test_near_the_saddle_a_push_grows_by_one_factor_a_step() -> None:
    path = np.array(saddle((1e-9, 1.0), 50))
    assert path[-1, 0] == pytest.approx(1e-9 * (1 + STEP) ** 50, rel=1e-9)
    assert path[-1, 1] == pytest.approx((1 - STEP) ** 50)


@pytest.mark.parametrize(("start", "end"), [(0.3, 1.0), (-0.3, -1.0), (0.0, 0.0)])
def test_where_it_ends_depends_on_the_start(start: float, end: float) -> None:
    assert saddle((start, 1.0), 500)[-1] == pytest.approx([end, 0.0], abs=1e-9)

"""Rendered scenes and crowds are answered to within the bounds that their page states."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitreous.runs.run import train


@pytest.mark.slow
def test_crowds_are_counted_to_a_twelfth(tmp_path: Path) -> None:
    scores = train("crowds", out=tmp_path / "run").scores["test"]
    assert scores.relative_error < 0.08
    assert scores.mae < scores.baselines[0].score("mae").value / 5


@pytest.mark.slow
def test_depths_of_scenes_are_within_a_tenth(tmp_path: Path) -> None:
    scores = train("scenes", out=tmp_path / "run").scores["test"]
    assert scores.abs_rel < 0.1
    assert scores.delta1 > 0.9
    assert scores.abs_rel < scores.baselines[0].score("abs_rel").value / 2

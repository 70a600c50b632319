"""Depth and counts are learned on rendered scenes, to bounds that are far from the simple rules."""

from __future__ import annotations

from pathlib import Path

from vitreous.data.rendered import crowds, scenes
from vitreous.runs.run import train


def test_depth_is_learned(tmp_path: Path) -> None:
    """Small pictures and few looks: an error of at most nine tenths of the mean depth's."""
    run = train(scenes(120, side=32), model="unet_small", epochs=12, out=tmp_path / "run", seed=1)
    scores = run.scores["test"]
    rule = scores.baselines[0].score("abs_rel")
    assert rule is not None
    assert scores.abs_rel < 0.9 * rule.value
    assert scores.delta1 > 0.6


def test_counts_are_learned(tmp_path: Path) -> None:
    """Small pictures and few looks: an error of at most two thirds of the mean count's."""
    run = train(crowds(120, side=48), model="unet_small", epochs=12, out=tmp_path / "run", seed=1)
    scores = run.scores["test"]
    rule = scores.baselines[0].score("mae")
    assert rule is not None
    assert scores.mae < 2 / 3 * rule.value

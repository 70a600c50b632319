"""What a person reads after a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.cli.verdict import verdict
from vitreous.metrics import classification, multilabel
from vitreous.metrics.trivial import Baseline


def summary() -> dict[str, Any]:
    """Two labels, and a rule whose mean average precision is not defined."""
    chances = np.array([[0.9, 0.2], [0.3, 0.8], [0.6, 0.4], [0.2, 0.1]])
    targets = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.uint8)
    scores = multilabel(chances, targets, ("a", "b"), (0.5, 0.5))
    assert scores.headline.name == "map"
    rules = [
        Baseline(name=name, detail=name, count=4, accuracy=0.5, interval=(0.1, 0.9), map=found)
        for name, found in (("majority", None), ("neighbor", 0.25))
    ]
    found = scores.to_json() | {"baselines": [rule.to_json() for rule in rules]}
    told = {"model": "linear", "task": "label"}
    written = {**told, "seconds": 2.0, "scores": {"test": found}, "notes": ["a note"]}
    return dict(json.loads(json.dumps(written)))


def test_rules_without_the_score_that_matters_are_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdict(summary(), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "model       linear"
    assert lines[1].startswith("test         100.00%   mean average precision")
    assert lines[1].endswith("on 4 images")
    assert lines[2:] == [
        "              25.00%   for scale: neighbor",
        "time        2.0 s",
        "note        a note",
    ]


def test_the_two_worst_confusions_of_the_last_part_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Truth 0 0 0 1 1 2, answers 1 1 0 0 1 2: twice an a for a b, once a b for an a."""
    told = classification(np.eye(3)[[1, 1, 0, 0, 1, 2]], [0, 0, 0, 1, 1, 2], "abc").to_json()
    right = classification(np.eye(3), [0, 1, 2], "abc").to_json()
    for scores, named in (
        ({"validation": right, "test": told}, ["a taken for b: 2 of 3; b taken for a: 1 of 2"]),
        ({"validation": told, "test": right}, []),
    ):
        verdict(summary() | {"task": "classify", "scores": scores}, as_json=False)
        lines = capsys.readouterr().out.splitlines()
        assert [line[12:] for line in lines if line.startswith("confused")] == named


def test_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    verdict(summary(), as_json=True)
    assert json.loads(capsys.readouterr().out) == summary()


def test_after_a_run_it_says_which_epoch_was_kept_and_what_comes_next(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = summary() | {"kept": {"epoch": 2, "of": 30}, "run": "runs/my photos"}
    verdict(told, as_json=False, report=tmp_path / "report.html")
    out, err = capsys.readouterr()
    assert "kept        epoch 2 of 30" in out.splitlines()
    assert err == (
        "next: vitreous predict 'runs/my photos' IMAGE; vitreous report 'runs/my photos' --open\n"
    )

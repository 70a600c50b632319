"""SIGKILL at random moments, in a step, in a save, between them: the end is the same to the bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "train_and_die.py"


def train(folder: Path, kills: int, seed: int) -> tuple[int, str]:
    folder.mkdir()
    command = [sys.executable, str(SCRIPT), str(folder / "checkpoints"), str(kills), str(seed)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    happened, digest = result.stdout.split()
    return int(happened), digest


def survives(folder: Path, kills: int, seeds: int) -> None:
    _, expected = train(folder / "witness", 0, 0)
    total = 0
    for seed in range(seeds):
        happened, digest = train(folder / str(seed), kills, seed)
        total += happened
        assert digest == expected
        assert not list((folder / str(seed) / "checkpoints").glob(".*.tmp"))
    assert total >= kills * seeds // 2, "the runs were over before they could be killed"


def test_killed_at_thirty_moments(tmp_path: Path) -> None:
    survives(tmp_path, 30, 1)


@pytest.mark.slow
def test_killed_at_three_hundred_moments(tmp_path: Path) -> None:
    survives(tmp_path, 30, 10)

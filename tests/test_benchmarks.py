"""Benchmarks still run: some that need neither data nor other environments, in a few seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BRIEF = {
    "augmentation": "--count 2 --size 32 --rounds 1",
    "layout": "--batch 2 --rounds 1 --networks lenet5 --formats float32",
    "training_step": "--steps 2 --rounds 1",
}


@pytest.mark.parametrize("name", BRIEF)
def test_it_prints_its_table(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / f"benchmarks/{name}.py"), *BRIEF[name].split()]
    environment = {**os.environ, "VITREOUS_CACHE": str(tmp_path)}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    assert "|---|" in done.stdout

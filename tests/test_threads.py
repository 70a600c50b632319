"""Threads of OpenMP sleep while they wait, unless the user has chosen something else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vitreous.threads import CHOSEN


def python(code: str, **chosen: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in CHOSEN}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | chosen, capture_output=True, text=True, check=True
    )


def test_torch_finds_threads_that_wait_asleep() -> None:
    told = python("import vitreous, torch", OMP_DISPLAY_ENV="VERBOSE").stderr
    if "OMP_WAIT_POLICY" not in told:
        pytest.skip("torch has an OpenMP here that does not tell of itself")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in told


@pytest.mark.parametrize("name", CHOSEN)
def test_any_word_of_the_user_counts(name: str) -> None:
    code = "import os, vitreous; print(os.environ.get('OMP_WAIT_POLICY', 'unset'))"
    assert python(code, **{name: "7"}).stdout.strip() == (
        "7" if name == "OMP_WAIT_POLICY" else "unset"
    )

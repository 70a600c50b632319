"""Python looks for no garbage while a command loads, nor as it ends; and for a caller it does."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from vitreous.cli.loading import loading
from vitreous.cli.main import run


def test_nothing_is_collected_while_it_loads() -> None:
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        seen.append(info["generation"])

    gc.callbacks.append(note)
    try:
        with loading():
            kept = [[number] for number in range(100_000)]
            assert not seen
        assert gc.isenabled()
        assert gc.get_freeze_count() > len(kept)
        kept = [[number] for number in range(100_000)]
        assert seen
    finally:
        gc.callbacks.remove(note)
        gc.unfreeze()


def test_an_error_in_the_block_turns_it_on_again() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()


def test_whoever_wants_none_collected_gets_none() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
        assert gc.get_freeze_count() == 0
    finally:
        gc.enable()


def test_a_caller_that_goes_on_has_its_garbage_collected() -> None:
    assert run(["train", "nowhere"]) != 0  # which loads what can open data
    assert gc.get_freeze_count() == 0


def test_a_command_ends_without_a_last_look() -> None:
    program = """
import atexit, gc, sys
from vitreous.cli import main
sys.argv = ["vitreous", "models", "lenet5"]
atexit.register(lambda: print("kept", gc.get_freeze_count() > 10_000))
main.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "kept True")

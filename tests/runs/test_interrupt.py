"""Ctrl-C at any stage: the exit code, the way to go on, and the same end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitreous.cli.main import run as command
from vitreous.run_folder import RunFolder
from vitreous.runs.interrupt import Interrupt, Interrupted
from vitreous.runs.run import resume, train

SAME = ("model.safetensors", "metrics.jsonl", "predictions.csv")
RECIPE: dict[str, Any] = {"model": "efficientnet_lite0", "pretrained": "yes", "size": 32}
RECIPE |= {"freeze": "backbone", "epochs": 3, "fine_tune": 1}


def interrupting(patch: pytest.MonkeyPatch, place: str, number: int = signal.SIGINT) -> None:
    """From now on, the first call of the function at that place comes with a signal."""
    import importlib

    name, attribute = place.rsplit(":")
    module = importlib.import_module(f"vitreous.{name}")
    original = getattr(module, attribute)
    calls: list[int] = []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            signal.raise_signal(number)
        return original(*arguments, **options)

    patch.setattr(module, attribute, interrupted)


STAGES = {
    "reading images": "runs.run_stages:pack",
    "creating the network": "runs.setup:build_network",
    "computing features": "runs.phases:features",
    "a training step": "training.reproduce:seed_step",
    "validating": "runs.phases:score",
    "saving a checkpoint": "training.checkpoint:write_bytes",
    "measuring": "tasks.classify:majority",
    "saving the model": "inference.model_file:write_bytes",
    "writing the report": "runs.run:write_report",
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run leaves that nobody has interrupted."""
    return {}


@pytest.mark.parametrize("stage", STAGES)
def test_an_interrupted_run_says_how_to_go_on_and_ends_the_same(
    photos: Path,
    stage: str,
    reference: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not reference:
        whole = train(photos, out="whole", **RECIPE).folder.path
        reference |= {name: (whole / name).read_bytes() for name in SAME}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in RECIPE.items()]
    with monkeypatch.context() as patch:
        # What is cached is not computed, and what is not computed cannot be interrupted.
        patch.setenv("VITREOUS_CACHE", str(photos.parent / "another"))
        interrupting(patch, STAGES[stage])
        assert command(["train", str(photos), "--out", "run", "--quiet", *flags]) == 130
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines()[-1].strip() == "Go on with it by `vitreous resume run`."
    assert [event["event"] for event in read_journal()][-1] == "interrupted"
    assert command(["resume", "run", "--json", "--quiet"]) == 0
    out, _ = capsys.readouterr()
    assert json.loads(out)["run"] == "run"
    for name, content in reference.items():
        assert (Path("run") / name).read_bytes() == content, name
    assert len(RunFolder(Path("run")).events("test")) == 1


def read_journal() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("run/journal.jsonl").read_text().splitlines()]


def test_the_error_as_json(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupting(monkeypatch, STAGES["reading images"])
    assert command(["train", str(photos), "--json", "--quiet"]) == 130
    found = json.loads(capsys.readouterr().out)["error"]
    assert found == {
        "kind": "interrupted",
        "message": "interrupted",
        "where": "runs/photos",
        "remedy": "Go on with it by `vitreous resume runs/photos`.",
    }


def test_before_there_is_a_run_nothing_is_left(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupting(monkeypatch, "runs.job:assign")
    # Whatever a shell starts in the background ignores SIGINT, these tests as well.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert command(["train", str(photos), "--quiet"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "interrupted\n"
    assert not Path("runs").exists()


def test_python_gets_a_keyboard_interrupt(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        interrupting(patch, STAGES["a training step"], signal.SIGTERM)
        with pytest.raises(Interrupted) as caught:
            train(photos, model="linear", epochs=1)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert resume("runs/photos").scores["test"].count


def test_signals_act_at_once() -> None:
    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert interrupt.requested


def test_a_deferred_signal_acts_at_the_blocks_end() -> None:
    done = []

    def work(interrupt: Interrupt) -> None:
        with interrupt.deferred():
            signal.raise_signal(signal.SIGTERM)
            done.append("the block goes on")
        done.append("but not what follows")

    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
        work(interrupt)
    assert done == ["the block goes on"]


def test_a_second_signal_acts_at_once() -> None:
    def work(interrupt: Interrupt) -> None:
        with interrupt.deferred():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("this is not reached")

    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
        work(interrupt)


def test_other_threads_are_left_alone() -> None:
    from threading import Thread

    found: list[Callable[..., Any] | int | None] = []

    def work() -> None:
        with Interrupt():
            found.append(signal.getsignal(signal.SIGINT))

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


def test_a_real_process_is_interrupted_from_outside(photos: Path) -> None:
    """Ctrl-C as a shell sends it, somewhere in training."""
    flags = ["--model", "lenet5", "--epochs", "100000", "--out", "run"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from vitreous.cli.main import main; main()",
            "train",
            photos,
            *flags,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    began = time.monotonic()
    while not Path("run/metrics.jsonl").exists() and time.monotonic() - began < 60:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert not out
    assert "vitreous resume run" in err
    assert "Traceback" not in err
    assert list(Path("run/checkpoints").glob("*.safetensors"))

"""Whatever interrupts a run, and whenever: going on ends in the same bytes."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.errors import RunError, StorageError, UsageError
from vitreous.run_folder import RunFolder

SAME = ("model.safetensors", "metrics.jsonl", "predictions.csv", "split.csv", "recipe.yaml")

# Every piece of state that a resumed run could forget: moments of the optimizer, the average, the
# accumulated batches, patience, augmentation, mixing, dropout, the starts of attacks.
RECIPE: dict[str, Any] = {
    "model": "lenet5",
    "epochs": 3,
    "batch_size": 16,
    "accumulate": 3,
    "ema": 0.9,
    "mixup": 0.2,
    "adversarial": 8.0,
    "adversarial_steps": 2,
    "augment": "standard",
    "patience": 2,
    "checkpoint": 0,
    "size": 28,
}


def work(data: str, out: str, cache: str, resume: bool) -> None:
    """Run in a process of its own, which may be killed."""
    import torch

    from vitreous.runs import run

    os.environ["VITREOUS_CACHE"] = cache
    torch.set_num_threads(1)
    if resume:
        run.resume(out)
    else:
        run.train(data, out=out, **RECIPE)


@pytest.fixture(scope="module")
def processes() -> Any:
    """Processes that are forked from one that has imported torch already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vitreous.runs.run"])
    return context


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """240 of the digits, as a file, so that a resumed run can open them."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    path = tmp_path_factory.mktemp("data") / "few.npz"
    images = (digits.images[:240] * 15.9).astype(np.uint8)[..., None]
    np.savez(path, images=images, labels=digits.target[:240])
    return str(path)


@pytest.fixture(scope="module")
def reference(processes: Any, data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("reference")
    process = processes.Process(target=work, args=(data, str(place / "run"), str(place), False))
    process.start()
    process.join()
    assert process.exitcode == 0
    return place / "run"


def same(run: Path, reference: Path) -> None:
    for name in SAME:
        assert (run / name).read_bytes() == (reference / name).read_bytes(), name


def finish(processes: Any, data: str, run: Path, cache: Path) -> int:
    """Go on until the run has ended; returns how many processes it took."""
    for attempt in range(1, 20):
        started = (run / "split.csv").exists() and (run / "journal.jsonl").exists()
        if not started and run.exists():
            # Killed before the folder was whole: nothing has been learned, it begins anew.
            for path in run.iterdir():
                path.unlink()
            run.rmdir()
        process = processes.Process(target=work, args=(data, str(run), str(cache), started))
        process.start()
        process.join()
        if process.exitcode == 0:
            return attempt
    raise AssertionError("the run never ended")


def kill_at_random(processes: Any, data: str, reference: Path, place: Path, times: int) -> None:
    chance = random.Random(0)
    run = place / "whole"
    began = time.monotonic()
    process = processes.Process(target=work, args=(data, str(run), str(place), False))
    process.start()
    process.join()
    length = time.monotonic() - began
    same(run, reference)
    for trial in range(times):
        run = place / f"run{trial}"
        process = processes.Process(target=work, args=(data, str(run), str(place), False))
        process.start()
        time.sleep(chance.uniform(0.05, 1.0) * length)
        process.kill()
        process.join()
        if not (run / "scores.json").exists():
            finish(processes, data, run, place)
        same(run, reference)


def test_killed_at_10_random_moments(
    processes: Any, data: str, reference: Path, tmp_path: Path
) -> None:
    kill_at_random(processes, data, reference, tmp_path, 10)


@pytest.mark.slow
def test_killed_at_100_random_moments(
    processes: Any, data: str, reference: Path, tmp_path: Path
) -> None:
    kill_at_random(processes, data, reference, tmp_path, 100)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_after_a_checkpoint(
    processes: Any, data: str, reference: Path, tmp_path: Path, number: int
) -> None:
    run = tmp_path / "run"
    process = processes.Process(target=work, args=(data, str(run), str(tmp_path), False))
    process.start()
    while not (run / "checkpoints").exists() and process.is_alive():
        time.sleep(0.005)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode != 0
    events = [
        json.loads(line)["event"] for line in (run / "journal.jsonl").read_text().splitlines()
    ]
    assert events == ["start", "interrupted"]
    finish(processes, data, run, tmp_path)
    same(run, reference)


def test_the_test_can_fail(processes: Any, data: str, reference: Path, tmp_path: Path) -> None:
    """A run that forgets its optimizer does not end in the same bytes."""
    from vitreous.runs import run as experiment
    from vitreous.training import checkpoint

    run = tmp_path / "run"
    process = processes.Process(target=work, args=(data, str(run), str(tmp_path), False))
    process.start()
    while len(list((run / "checkpoints").glob("*.safetensors"))) < 2 and process.is_alive():
        time.sleep(0.005)
    process.kill()
    process.join()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITREOUS_CACHE", str(tmp_path))
        whole = checkpoint.restore

        def forgetful(state: dict[str, Any], **parts: Any) -> None:
            parts.pop("optimizer", None)
            whole(state, **parts)

        patch.setattr(checkpoint, "restore", forgetful)
        experiment.resume(run)
    assert (run / "model.safetensors").read_bytes() != (
        reference / "model.safetensors"
    ).read_bytes()


def test_a_run_that_has_ended_says_so(reference: Path) -> None:
    from vitreous.runs.run import resume

    with pytest.raises(RunError, match="has ended") as caught:
        resume(reference)
    assert "report.html" in str(caught.value.remedy)


def test_changed_data_are_refused(reference: Path, tmp_path: Path) -> None:
    from vitreous.runs.run import resume

    run = tmp_path / "run"
    run.mkdir()
    for name in ("recipe.yaml", "split.csv"):
        (run / name).write_bytes((reference / name).read_bytes())
    images = np.zeros((240, 8, 8, 1), np.uint8)
    with pytest.raises(RunError, match="have changed"):
        resume(run, (images, np.arange(240) % 10))


def test_no_run_folder_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        RunFolder.open(tmp_path / "nothing")
    with pytest.raises(RunError, match="not a run folder"):
        RunFolder.open(tmp_path)


def test_a_run_folder_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [RunFolder.create("my photos!").path.name for _ in range(3)]
    assert names == ["my-photos", "my-photos-2", "my-photos-3"]
    with pytest.raises(RunError, match="never overwritten"):
        RunFolder.create("x", out=tmp_path / "runs" / "my-photos")
    assert not issubclass(RunError, UsageError | StorageError)

"""A run by several processes: the numbers of one, and whatever dies, it is named and goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.cli import launch
from vitreous.cli.launch import GRACE
from vitreous.cli.main import run as command
from vitreous.distributed import Ranks
from vitreous.errors import UsageError
from vitreous.files import read_json, read_lines
from vitreous.progress.progress import silent
from vitreous.runs.divisible import check_same
from vitreous.runs.job import prepare
from vitreous.runs.run import resume, train

STEPS = 18  # of the recipe below
SAME = ("model.safetensors", "metrics.jsonl", "predictions.csv", "split.csv", "recipe.yaml")

# What looks beyond one example, and all that a resumed run could forget.
RECIPE: dict[str, Any] = {
    "model": "convnet",
    "epochs": 3,
    "batch_size": 15,
    "accumulate": 2,
    "dropout": 0.2,
    "ema": 0.9,
    "mixup": 0.2,
    "augment": "standard",
    "checkpoint": 0,
}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in RECIPE.items()]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """240 of the digits, as a file, so that a resumed run can open them."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    path = tmp_path_factory.mktemp("data") / "few.npz"
    images = (digits.images[:240] * 15.9).astype(np.uint8)[..., None]
    np.savez(path, images=images, labels=digits.target[:240])
    return str(path)


def work(ranks: Ranks, data: str, out: str, again: bool = False) -> Any:
    run = resume(out) if again else train(data, out=out, **RECIPE)
    told = {name: scores.to_json() for name, scores in run.scores.items()}
    return json.loads(json.dumps(told))  # tuples are lists there


def same(run: Path, reference: Path) -> None:
    for name in SAME:
        assert (run / name).read_bytes() == (reference / name).read_bytes(), name


def vitreous(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vitreous", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(process: subprocess.Popen[str]) -> dict[int, int]:
    """The number of each process by its rank (Linux)."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"PPid:\t{process.pid}\n" in (folder / "status").read_text():
                words = (folder / "environ").read_bytes().split(b"\0")
                rank = next(word for word in words if word.startswith(b"RANK="))
                found[int(rank[5:])] = int(folder.name)
        except (OSError, StopIteration):
            continue
    return found


def started(process: subprocess.Popen[str], run: Path) -> None:
    """Wait for the first checkpoint."""
    while not [*run.glob("checkpoints/*.safetensors")]:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_one_that_dies_is_named_and_the_run_goes_on_to_the_same_bits(
    together: Callable[..., Any], data: str, place: Path
) -> None:
    told, other = together(work, 2, data, str(place / "whole"))
    assert told == other  # every process knows the scores
    alone = train(data, out="alone", **RECIPE, progress=False)
    first, own = read_lines(place / "whole" / "metrics.jsonl")[0], alone.history[0]
    assert first["step"] == own["step"]
    assert first["train_loss"] == pytest.approx(own["train_loss"], rel=1e-3)  # float32

    process = vitreous("train", data, *FLAGS, "--processes", "2", "--out", "run")
    started(process, place / "run")
    began = time.monotonic()
    os.kill(children(process)[1], signal.SIGKILL)
    _, said = process.communicate()
    assert time.monotonic() - began < 30
    assert process.returncode == 1
    assert "run: the process of rank 1, of 2, was ended by the signal SIGKILL" in said
    assert "`vitreous resume run`" in said
    assert "Traceback" not in said
    assert read_json(place / "run" / "environment.json")["processes"] == 2

    process = vitreous("resume", "run", "--json")  # by two, as it was begun
    printed, said = process.communicate()
    assert process.returncode == 0, said
    assert json.loads(printed)["scores"] == told
    same(place / "run", place / "whole")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_all_and_another_number_of_processes_goes_on(
    data: str, place: Path, number: int
) -> None:
    process = vitreous("train", data, *FLAGS, "--processes", "2", "--out", "run")
    started(process, place / "run")
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said.count("interrupted") == 1
    assert "`vitreous resume run`" in said
    rows = read_lines(place / "run" / "metrics.jsonl")
    process = vitreous("resume", "run", "--processes", "1")
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert "1 process goes on with what 2 began" in said
    assert read_lines(place / "run" / "metrics.jsonl")[: len(rows)] == rows


@pytest.mark.slow
def test_by_torchrun(together: Callable[..., Any], data: str, place: Path) -> None:
    together(work, 2, data, str(place / "whole"))
    words = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = [sys.executable, "-m", *words, "-m", "vitreous", "train", data, *FLAGS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if len(os.sched_getaffinity(0)) < 4:  # one thread each, as for the reference
        done = subprocess.run(
            [*process, "--out", "run", "--json"], capture_output=True, env=environment, text=True
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["task"] == "classify"
        same(place / "run", place / "whole")


def die_at_random(data: str, run: Path, chance: random.Random, again: bool) -> bool:
    """One attempt by two processes, of which one is killed after a random step; did it end?"""
    from tests.conftest import one_of_them

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vitreous.runs.run", "torch.distributed"])
    meet = run.parent / f"meet-{chance.random()}"
    meet.mkdir()
    results = context.SimpleQueue()
    pair = [
        context.Process(
            target=one_of_them, args=(work, rank, 2, str(meet), results, (data, str(run), again))
        )
        for rank in range(2)
    ]
    for process in pair:
        process.start()
    before, steps = newest(run), chance.randint(1, STEPS + 2)  # or as it measures and reports
    while pair[0].is_alive() and newest(run) < min(before + steps, STEPS):
        time.sleep(0.002)
    pair[0].join(chance.uniform(0, 0.1))
    chance.choice(pair).kill()
    for process in pair:
        process.join(GRACE)
        process.kill()  # as `--processes` does; it may wait for one that never came
        process.join()
    return (run / "report.html").exists()


def newest(run: Path) -> int:
    """The step of the newest checkpoint; all of them when training has ended."""
    found = [int(path.name.partition("-")[0]) for path in run.glob("checkpoints/*.safetensors")]
    return min(max(found, default=0), STEPS)


@pytest.mark.slow
def test_killed_30_times_it_ends_in_the_same_bits(
    together: Callable[..., Any], data: str, place: Path
) -> None:
    together(work, 2, data, str(place / "whole"))
    chance, kills = random.Random(0), 0
    while kills < 30:
        run = place / f"run{kills}"
        ended = die_at_random(data, run, chance, again=False)
        while not ended and chance.random() < 0.5:  # some are killed more than once
            kills += 1
            ended = die_at_random(data, run, chance, again=True)
        kills += 1
        if not ended:
            together(work, 2, data, str(run), True)
        same(run, place / "whole")


@pytest.mark.slow
def test_an_error_of_all_is_told_once(place: Path) -> None:
    process = vitreous("train", "digits", "--model", "svm-hog", "--processes", "2", "--json")
    printed, said = process.communicate()
    assert process.returncode == 2
    assert json.loads(printed)["error"]["where"] == "--processes"
    assert "error" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "digits", "--processes", "0"], "0 processes"),
        (["train", "digits", "--processes", "4000"], "4000 processes"),
        (["train", "digits", "--processes", "two"], "two"),
    ],
)
def test_a_number_that_cannot_be_meant(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert command(words) == 2
    assert said in capsys.readouterr().err
    assert not (place / "runs").exists()


def refused(ranks: Ranks, fields: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        train("digits", out=f"refused-{len(fields)}", progress=False, **fields)
    return str(caught.value)


def all_refused(ranks: Ranks) -> list[str]:
    return [
        refused(ranks, fields)
        for fields in (
            {"model": "svm-hog"},
            {"model": "convnet", "epochs": 1, "engine": "manual"},
            {"model": "convnet", "batch_size": 1287},
            {"model": "convnet", "batch_size": 1, "epochs": 1, "seed": 0},
        )
    ]


def test_what_processes_cannot_share_is_said_before_it_begins(
    together: Callable[..., Any], place: Path
) -> None:
    for said in together(all_refused, 3)[0]:
        assert re.search("3 processes cannot share this training: ", said)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_one_that_is_stopped_is_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(launch, "STOPPED", 0.2)
    crew = launch.Crew(tmp_path)
    with crew.signaled():
        crew.processes = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
        crew.watch()
        os.kill(crew.processes[1].pid, signal.SIGSTOP)
        until = time.monotonic() + 0.8
        while time.monotonic() < until:
            crew.watch()
            time.sleep(0.02)
        crew.pass_on(signal.SIGTERM)  # which also wakes the one that was stopped
        assert crew.processes[1].wait(10) == -signal.SIGTERM
    said = capsys.readouterr().err
    assert said.count("the process of rank 1, of 2, was stopped from outside") == 1
    assert f"kill -CONT {crew.processes[1].pid}" in said


class Others(Ranks):
    """Stands for two processes, of which the other one differs in one thing."""

    differs: tuple[str, Any] = ("", None)

    def gathered(self, values: list[Any]) -> list[Any]:
        name, value = self.differs
        return [values[0], {**values[0], name: value} if name else values[0]]


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        (("--epochs", 9), "rank 1 and 0 have different --epochs: 9 and 3"),
        (("torch", "2.9.0"), "different torch: 2.9.0 and"),
        (("data", "other"), "have different data\n"),
    ],
)
def test_processes_that_were_begun_differently_are_refused(
    differs: tuple[str, Any], said: str, data: str
) -> None:
    job = prepare(data, progress=silent(), **RECIPE)
    ranks = Others(0, 2, 0, 2)
    check_same(job, ranks)
    object.__setattr__(ranks, "differs", differs)
    with pytest.raises(UsageError, match=said):
        check_same(job, ranks)

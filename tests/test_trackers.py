"""Each log has every epoch once, with the numbers of metrics.jsonl, however often a run was cut."""

from __future__ import annotations

import csv
import signal
import time
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest

from vitreous import trackers as logs
from vitreous.errors import DivergedError, RunError, UsageError
from vitreous.files import read_json, read_lines
from vitreous.recipes.recipe import Recipe
from vitreous.run_folder import RunFolder
from vitreous.runs.consumers import Checkpoints
from vitreous.runs.run import resume, train
from vitreous.trackers import LOGS, Logs, check_installed

HEAD = {"epoch": 1, "phase": "head", "step": 7, "lr": 0.1, "train_loss": 2.5}
ROWS = [
    {**HEAD, "validation_accuracy": 0.25},
    *({**HEAD, "epoch": n, "phase": "network", "averaged": n, "lr": 0.1 / n} for n in (2, 3, 4, 5)),
]

Values = dict[int, dict[str, float]]

pytestmark = pytest.mark.usefixtures("place")


def expected(history: list[dict[str, Any]]) -> Values:
    return {
        row["epoch"]: {k: v for k, v in row.items() if k not in ("epoch", "phase")}
        for row in history
    }


def by_csv(folder: RunFolder) -> Values:
    found: Values = {}
    with folder.table.open(newline="") as file:
        for row in csv.DictReader(file):
            assert row.pop("phase") in ("head", "network")
            epoch = int(row.pop("epoch"))
            assert epoch not in found
            found[epoch] = {name: float(text) for name, text in row.items() if text}
    return found


def by_tensorboard(folder: RunFolder) -> Values:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder.path)).Reload()
    found: Values = {}
    for name in reader.Tags()["scalars"]:
        for event in reader.Scalars(name):
            assert name not in found.setdefault(event.step, {}), f"{name} twice at {event.step}"
            found[event.step][name] = event.value
    return dict(sorted(found.items()))


def records(content: bytes) -> Iterator[bytes]:
    """The records of LevelDB's log format, after a header of 7 bytes.

    Each part of a record has a checksum (4), its length (2) and its kind: whole, first, middle,
    last. No part reaches over the end of a block of 32 KiB.
    """
    place, parts = 7, b""
    while place + 7 <= len(content):
        if (left := -place % 32768) and left < 7:
            place += left
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


def by_wandb(folder: RunFolder) -> Values:
    """What `wandb sync` would send: the records of all files of this run."""
    from wandb.proto.wandb_internal_pb2 import Record

    ids, found = set(), {}
    for path in sorted(folder.path.glob("wandb/offline-run-*/*.wandb")):
        whole: list[Any] = []
        deadline = time.monotonic() + 60
        while not any(record.HasField("exit") for record in whole):  # another process writes it
            assert time.monotonic() < deadline, "the file is never whole"
            whole = [Record.FromString(data) for data in records(path.read_bytes())]
        for record in whole:
            ids |= {record.run.run_id} - {""}
            for item in [record.history] if record.HasField("history") else []:
                row = {"/".join(i.nested_key) or i.key: float(i.value_json) for i in item.item}
                row = {name: value for name, value in row.items() if not name.startswith("_")}
                assert item.step.num not in found
                found[item.step.num] = row
    assert ids == {read_json(folder.tracking)["wandb"]["id"]}
    return found


def by_mlflow(folder: RunFolder) -> Values:
    from mlflow import MlflowClient

    client = MlflowClient((folder.path / "mlruns").resolve().as_uri())
    experiment = client.get_experiment_by_name("vitreous")
    (run,) = client.search_runs([experiment.experiment_id])
    found: Values = {}
    for name in run.data.metrics:
        for metric in client.get_metric_history(run.info.run_id, name):
            assert name not in found.setdefault(metric.step, {}), f"{name} twice at {metric.step}"
            found[metric.step][name] = metric.value
    return dict(sorted(found.items()))


READERS = {
    "csv": by_csv,
    "tensorboard": by_tensorboard,
    "wandb": by_wandb,
    "mlflow": by_mlflow,
}


@pytest.fixture(params=LOGS)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    package = LOGS[request.param].package
    if package is not None:
        pytest.importorskip(package, reason=f"an optional package: vitreous[{request.param}]")
    for variable in ("WANDB_MODE", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(variable, raising=False)
    return request.param


@pytest.fixture
def folder(place: Path) -> RunFolder:
    (place / "run").mkdir()
    return RunFolder(place / "run")


def check(folder: RunFolder, name: str, history: list[dict[str, Any]]) -> None:
    assert read_lines(folder.metrics) == history
    found = READERS[name](folder)
    assert list(found) == [row["epoch"] for row in history]
    for epoch, values in expected(history).items():
        assert found[epoch] == pytest.approx(values, rel=1e-6), epoch  # events are float32


def test_every_reader_is_for_a_log() -> None:
    assert READERS.keys() == LOGS.keys()


def test_a_log_has_the_rows(folder: RunFolder, name: str) -> None:
    log = Logs(folder, Recipe(log=(name,)).to_mapping(), [])
    for count in range(1, 6):
        log.write(ROWS[:count])
    log.write(ROWS)  # nothing new
    log.close(ended=True)
    check(folder, name, ROWS)


@pytest.mark.parametrize("back", [0, 1, 3])
def test_a_resume_from_before_the_last_row_doubles_nothing(
    folder: RunFolder, name: str, back: int
) -> None:
    """Three rows are written, and the run is resumed from a checkpoint before some of them."""
    recipe = Recipe(log=(name,))
    for begun, ended in ((0, 3), (3 - back, 3 - back + 1), (3 - back, 5)):
        log = Logs(folder, recipe.to_mapping(), ROWS[:begun])
        for count in range(begun + 1, ended + 1):
            log.write(ROWS[:count])
        log.close(ended=ended == 5)
        if name == "wandb":  # which calls its folders by the second
            time.sleep(1)
    check(folder, name, ROWS)


def test_a_run_that_is_resumed(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(self: Any, position: Any, **parts: Any) -> None:
        original(self, position, **parts)
        if position.step == 50:  # in the third epoch
            signal.raise_signal(signal.SIGINT)

    original = Checkpoints.save
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save)
        with pytest.raises(KeyboardInterrupt):
            train("digits", model="linear", epochs=5, checkpoint=0, log=(name,), out="run")
    run = resume("run")
    history = read_lines(run.folder.metrics)
    assert len(history) == 5
    check(run.folder, name, history)


def test_parameters_go_along(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="an optional package: vitreous[mlflow]")
    Logs(folder, Recipe(log=("mlflow",), lr=0.5).to_mapping(), []).close(ended=False)
    client = mlflow.MlflowClient((folder.path / "mlruns").resolve().as_uri())
    run = client.get_run(read_json(folder.tracking)["mlflow"]["id"])
    assert run.data.params["lr"] == "0.5"
    assert run.info.status == "KILLED"


def test_a_missing_package_is_named_before_anything_else(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "find_spec", lambda name: None)
    for name in ("tensorboard", "wandb", "mlflow"):
        with pytest.raises(UsageError, match=f"needs the package {name}") as caught:
            train("digits", model="linear", log=("csv", name))
        assert caught.value.where == f"--log {name}"
        assert caught.value.remedy == f'pip install "vitreous[{name}]"'
    assert not (place / "runs").exists()


def test_a_folder_of_the_name_is_no_package(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "wandb").mkdir()
    spec = PathFinder.find_spec("wandb", [str(place)])
    assert spec is not None
    monkeypatch.setattr(logs, "find_spec", lambda name: spec)
    with pytest.raises(UsageError, match="needs the package wandb"):
        check_installed(["wandb"])


class Broken(logs.Log):
    """A tool whose server does not answer at one of its calls."""

    at = "add"

    def call(self, name: str) -> None:
        if self.at == name:
            raise ConnectionError("no answer")

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.call("begin")

    def add(self, epoch: int, values: dict[str, float]) -> None:
        self.call("add")

    def close(self, ended: bool) -> None:
        self.call("close")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> type[Broken]:
    monkeypatch.setattr(Broken, "at", request.param)
    monkeypatch.setitem(LOGS, "csv", Broken)
    return Broken


@pytest.mark.parametrize("broken", ["begin"], indirect=True)
def test_a_tool_that_fails_at_the_start_is_an_error(
    folder: RunFolder, broken: type[Broken]
) -> None:
    """Nothing is lost yet. A resume is another matter: what has been trained goes on."""
    recipe = Recipe(log=("csv",)).to_mapping()
    with pytest.raises(RunError, match="csv failed: no answer") as caught:
        Logs(folder, recipe, [])
    assert folder.resume_command in str(caught.value.remedy)
    said: list[str] = []
    log = Logs(folder, recipe, ROWS[:1], said.append)
    log.write(ROWS)
    assert said == ["--log csv failed and is left out from here on: no answer"]
    assert read_lines(folder.metrics) == ROWS


@pytest.mark.parametrize("broken", ["add", "close"], indirect=True)
def test_training_goes_on_without_a_tool_that_fails(broken: type[Broken]) -> None:
    run = train("digits", model="linear", epochs=3, log=("csv",), out="run")
    assert len(read_lines(run.folder.metrics)) == 3
    (event,) = run.folder.events("log")
    assert event["message"] == "--log csv failed and is left out from here on: no answer"
    assert event["message"] in run.summary()["notes"]


@pytest.mark.parametrize("broken", ["close"], indirect=True)
def test_what_stops_a_run_is_not_hidden_by_a_tool(broken: type[Broken]) -> None:
    """Neither the interruption, which has its exit code, nor a divergence, whose best weights are
    saved: while they stop the run, the tool fails once more.
    """

    def interrupted(self: Any, *arguments: Any) -> None:
        raise KeyboardInterrupt

    def diverged(self: Any, *arguments: Any) -> None:
        raise DivergedError("the loss is no longer a number")

    for stop, error in ((interrupted, KeyboardInterrupt), (diverged, DivergedError)):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(error):
            patch.setattr(Checkpoints, "phase_ended", stop)
            train("digits", model="linear", epochs=1, log=("csv",), out=f"{stop.__name__}")
    assert Path("diverged", "model.safetensors").is_file()

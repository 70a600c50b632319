"""Experiment trackers (CSV, TensorBoard, W&B, MLflow): what is logged beside metrics.jsonl.

Each log gets the same rows, one an epoch, and numbers them by their epoch. A run that was set back
to a checkpoint makes some rows again: what a log has of them already does not come twice. Nothing
goes to a network unless the tool's own environment variables ask for it. A tool that fails once
training has begun, such as for a server that does not answer, is left out from there on and named:
training is worth more than its log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, ClassVar

from vitreous.errors import RunError, StorageError, VitreousError, missing
from vitreous.files import read_json, write_json, write_lines, write_table
from vitreous.run_folder import RunFolder

Row = Mapping[str, Any]


class Log:
    """One log of a run, which is opened with the history as far as the run has come.

    recipe   the settings of the run by name, for tools that keep them
    package  what it needs besides vitreous
    written  how many rows it has
    """

    package: ClassVar[str | None] = None

    def __init__(self, folder: RunFolder, recipe: Mapping[str, Any], history: Sequence[Row]):
        self.folder, self.recipe, self.written = folder, recipe, len(history)

    def write(self, history: Sequence[Row]) -> None:
        """Take in the history, of which the last rows are new."""
        for row in history[self.written :]:
            values = {key: value for key, value in row.items() if key not in ("epoch", "phase")}
            self.add(row["epoch"], values)
            self.written += 1

    def add(self, epoch: int, values: dict[str, float]) -> None:
        """Take in one row."""

    def close(self, ended: bool) -> None:
        """No more rows come from this process: training has ended or was broken off."""


class Lines(Log):
    """metrics.jsonl: every run has it. It is written anew each time, and so it is always whole."""

    def write(self, history: Sequence[Row]) -> None:
        write_lines(self.folder.metrics, map(dict, history))


class Table(Log):
    """metrics.csv, with a column for each name that occurs."""

    def write(self, history: Sequence[Row]) -> None:
        columns = list(dict.fromkeys(name for row in history for name in row))
        rows = [[row.get(name, "") for name in columns] for row in history]
        write_table(self.folder.table, columns, rows)


class TensorBoard(Log):
    """Events in the run folder. A resumed run makes a file of its own, which says from
    which epoch on it replaces the files before it.
    """

    package = "tensorboard"

    def __init__(self, folder: RunFolder, recipe: Mapping[str, Any], history: Sequence[Row]):
        super().__init__(folder, recipe, history)
        from torch.utils.tensorboard.writer import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder.path), purge_step=self.written + 1)

    def add(self, epoch: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, epoch)
        self.writer.flush()

    def close(self, ended: bool) -> None:
        self.writer.close()


class Tracked(Log):
    """A log in a tool that keeps runs under names of its own. Under which, and how many rows it
    has, is kept in tracking.json, since a killed process may have been ahead of its checkpoint.
    """

    name: ClassVar[str]

    def __init__(self, folder: RunFolder, recipe: Mapping[str, Any], history: Sequence[Row]):
        super().__init__(folder, recipe, history)
        known = self._ledger().get(self.name, {"id": None, "rows": 0})
        self.id, self.written = self.begin(known["id"]), known["rows"]
        self._keep()

    def begin(self, known: str | None) -> str:
        """Go on with the run that the tool knows by this name, or begin one; returns its name."""
        raise NotImplementedError

    def write(self, history: Sequence[Row]) -> None:
        super().write(history)
        self._keep()

    def _ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.folder.tracking.is_file():
            found = read_json(self.folder.tracking)
        return found

    def _keep(self) -> None:
        ledger = self._ledger() | {self.name: {"id": self.id, "rows": self.written}}
        write_json(self.folder.tracking, ledger)


class Wandb(Tracked):
    """Weights & Biases: files in the run folder, and its server if WANDB_MODE is online."""

    package = name = "wandb"

    def begin(self, known: str | None) -> str:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        mode: Any = os.environ.get("WANDB_MODE", "offline")
        place = self.folder.path.resolve()  # wandb writes from a process of its own
        self.run: Any = wandb.init(
            dir=place,
            project=os.environ.get("WANDB_PROJECT", "vitreous"),
            name=place.name,
            config=dict(self.recipe),
            id=known,
            resume="allow",
            mode=mode,
            settings=wandb.Settings(silent=True, console="off"),
        )
        return str(self.run.id)

    def add(self, epoch: int, values: dict[str, float]) -> None:
        self.run.log(values, step=epoch)

    def close(self, ended: bool) -> None:
        self.run.finish(0 if ended else 1)


class MLflow(Tracked):
    """MLflow: files in the run folder, or where MLFLOW_TRACKING_URI says."""

    package = name = "mlflow"

    def begin(self, known: str | None) -> str:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # a database needs more packages
        from mlflow import MlflowClient

        own = (self.folder.path / "mlruns").resolve().as_uri()
        self.client: Any = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", own))
        if known is not None:
            self.client.update_run(known, "RUNNING")
            return known
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "vitreous")
        found = self.client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else self.client.create_experiment(name)
        run = self.client.create_run(experiment, run_name=self.folder.path.resolve().name)
        for key, value in self.recipe.items():
            self.client.log_param(run.info.run_id, key, value)
        return str(run.info.run_id)

    def add(self, epoch: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.client.log_metric(self.id, name, value, step=epoch)

    def close(self, ended: bool) -> None:
        self.client.set_terminated(self.id, "FINISHED" if ended else "KILLED")


LOGS: dict[str, type[Log]] = {
    "csv": Table,
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "mlflow": MLflow,
}


def check_installed(names: Iterable[str]) -> None:
    """Raises UsageError for a log whose package is missing."""
    for name in names:
        package = LOGS[name].package
        if package is None:
            continue
        spec = find_spec(package)
        if spec is None or spec.origin is None:  # a folder of that name is no package
            raise missing(package, name, "this log", where=f"--log {name}")


class Logs:
    """All logs of one process, metrics.jsonl first.

    tell  takes a sentence about a tool that has failed; the journal has it too

    Raises RunError for a tool that fails before anything has been trained.
    """

    def __init__(
        self,
        folder: RunFolder,
        recipe: Mapping[str, Any],
        history: Sequence[Row],
        tell: Callable[[str], None] = lambda text: None,
    ):
        check_installed(recipe["log"])
        self.folder, self.tell, self.begun = folder, tell, bool(history)
        self.opened: dict[str, Log] = {}
        kinds: dict[str, type[Log]] = {"jsonl": Lines} | {
            name: LOGS[name] for name in recipe["log"]
        }
        for name, kind in kinds.items():
            with self.failures(name):
                self.opened[name] = kind(folder, recipe, history)
        self.begun = True

    def write(self, history: Sequence[Row]) -> None:
        """Give the history to each; it has one row more than before, or the same as before."""
        for name, log in [*self.opened.items()]:
            with self.failures(name):
                log.write(history)

    def close(self, ended: bool) -> None:
        for name, log in [*self.opened.items()]:
            with self.failures(name):
                log.close(ended)

    @contextmanager
    def failures(self, name: str) -> Iterator[None]:
        """What a tool raises: a RunError at the start; later on it is told, and the tool left."""
        try:
            yield
        except VitreousError:
            raise
        except Exception as error:
            if not self.begun:
                raise RunError(
                    f"{name} failed: {error}",
                    where=f"--log {name}",
                    remedy=f"Once that is put right, `{self.folder.resume_command}` goes on.",
                ) from error
            self.opened.pop(name, None)
            text = f"--log {name} failed and is left out from here on: {error}"
            with suppress(StorageError):
                self.folder.log_event("log", message=text)
            self.tell(text)

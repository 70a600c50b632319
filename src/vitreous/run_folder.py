"""A run folder: everything that a run leaves behind, each file written atomically.

recipe.yaml         the resolved recipe, with the reason of each automatic choice
environment.json    versions, processor, the command, the number format of training
split.csv           which example is in which part
copies.csv          equal images within a part, and in two parts; absent if there are none
quarantine.csv      images that cannot be read, with reason and remedy; absent if there are none
metrics.jsonl       one line an epoch; the same bytes whether interrupted or not
metrics.csv         the same as a table, if asked for; likewise events.out.tfevents…
tracking.json       which run of Weights & Biases (wandb/) or MLflow (mlruns/) this is
journal.jsonl       what happened when: starts, resumes, uses of the test part
checkpoints/        where to go on
model.safetensors   the network that was measured
doctor.json         what the doctor has measured of the training, see `vitreous doctor`
runtime.json        what computes the answers on which processor, and why; absent if none was tried
scores.json         what was measured
robustness.json     what attacks and corruptions leave, and robustness.html: see `vitreous robust`
predictions.csv     the answer to every validation and test image
report.html         all of it to look at
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from vitreous.atomic import storage_errors
from vitreous.errors import RunError, StorageError
from vitreous.files import append_line, read_events, read_json

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @classmethod
    def create(cls, name: str, out: str | Path | None = None) -> RunFolder:
        """A new folder: `out`, which must not exist yet, or runs/NAME with the first free number.

        Raises RunError or StorageError.
        """
        try:
            return cls(_numbered(name) if out is None else _new(Path(out)))
        except StorageError as error:
            remedy = "Choose a place where you may write with --out."
            raise StorageError(error.message, where=error.where, remedy=remedy) from error

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """A folder that a run has made. Raises RunError where there is none."""
        folder = cls(Path(path))
        if not folder.recipe.is_file():
            there = folder.path.is_dir()
            raise RunError(
                "is not a run folder: it has no recipe.yaml" if there else "does not exist",
                where=str(path),
                remedy=_instead(folder.path.name),
            )
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within the block no other process may work in this folder; a kill ends it as well.

        Raises RunError if another one does. Systems that know no such locks do without.
        """
        with self.recipe.open("rb") as file:
            if fcntl is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise RunError(
                        "another process is at work in this run",
                        where=str(self.path),
                        remedy="Wait until it has ended, or stop it with Ctrl-C.",
                    ) from error
                except OSError:
                    pass  # some network file systems
            yield

    @property
    def resume_command(self) -> str:
        """The command that goes on with this run."""
        return f"vitreous resume {shlex.quote(str(self.path))}"

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def surroundings(self) -> dict[str, Any]:
        """What environment.json says: nothing where it cannot be read, as it is written for
        readers.
        """
        with suppress(RunError):
            found = read_json(self.environment)
            return found if isinstance(found, dict) else {}
        return {}

    @property
    def split(self) -> Path:
        return self.path / "split.csv"

    @property
    def copies(self) -> Path:
        return self.path / "copies.csv"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def table(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def tracking(self) -> Path:
        return self.path / "tracking.json"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def trained(self) -> Path:
        """The model file of a run that has ended. Raises RunError where there is none."""
        if not self.model.is_file():
            unfinished = RunFolder.open(self.path)  # or it is no run at all
            raise RunError(
                "has no trained network yet: its training has not ended",
                where=str(self.path),
                remedy=f"Go on with it: `{unfinished.resume_command}`.",
            )
        return self.model

    @property
    def scores(self) -> Path:
        return self.path / "scores.json"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.csv"

    @property
    def quarantine(self) -> Path:
        return self.path / "quarantine.csv"

    @property
    def doctor(self) -> Path:
        return self.path / "doctor.json"

    @property
    def runtime(self) -> Path:
        return self.path / "runtime.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def finished(self) -> bool:
        return self.scores.is_file()

    def log_event(self, event: str, **fields: Any) -> None:
        """Append one line to the journal, with the time."""
        line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **fields}
        append_line(self.journal, line)

    @property
    def test_uses(self) -> int:
        """How often the test part was scored, by this run or any other one that was counted up to
        its last use here.
        """
        uses = self.events("test")
        known = [use.get("earlier") for use in uses]
        return max([len(uses), *(count + 1 for count in known if isinstance(count, int))])

    def events(self, event: str) -> list[dict[str, Any]]:
        """The journal's lines of one kind, oldest first; a line cut by a crash is passed over."""
        return [line for line in read_events(self.journal) if line.get("event") == event]


def _instead(name: str) -> str:
    """The runs that there are, as a remedy: the one of about that name, or all."""
    runs = {place.parent.name: place.parent for place in sorted(Path("runs").glob("*/recipe.yaml"))}
    if near := difflib.get_close_matches(name, runs, n=1):
        return f"Did you mean {runs[near[0]]}?"
    listed = ", ".join(map(str, [*runs.values()][-8:]))
    return (
        f"Runs here: {listed}."
        if runs
        else "There are no runs here: `vitreous train DATA` makes a run folder."
    )


def _new(path: Path) -> Path:
    if path.exists():
        folder, other = RunFolder(path), "choose another --out."
        known = f"Go on with it by `{folder.resume_command}`, or {other}"
        raise RunError(
            "exists already, and a run folder is never overwritten",
            where=str(path),
            remedy=known if folder.recipe.is_file() else f"There is no run in it: {other}",
        )
    with storage_errors(path):
        path.mkdir(parents=True)
    return path


def _numbered(name: str) -> Path:
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:80] or "run"
    for number in count(1):
        path = Path("runs") / (stem if number == 1 else f"{stem}-{number}")
        with storage_errors(path):
            path.parent.mkdir(exist_ok=True)
            with suppress(FileExistsError):
                path.mkdir()  # of two runs that start at once, one gets the name
                break
    return path

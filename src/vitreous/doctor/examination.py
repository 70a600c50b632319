"""Examination of a run that was watched: its diagnoses anew, from the evidence in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vitreous.doctor.diagnoses import Diagnosis, diagnose, in_words
from vitreous.doctor.doctor_page import write_page
from vitreous.doctor.evidence import Evidence
from vitreous.errors import RunError
from vitreous.files import read_json, understood
from vitreous.run_folder import RunFolder


@dataclass(frozen=True)
class Examination:
    """What a run's doctor has found, phase by phase of its training.

    phases  (name, evidence) in order
    """

    folder: RunFolder
    phases: tuple[tuple[str, Evidence], ...]

    @property
    def worst(self) -> Evidence:
        """The evidence of the first phase with a diagnosis, else of the last one."""
        ill = (evidence for _, evidence in self.phases if diagnose(evidence))
        return next(ill, self.phases[-1][1])

    @property
    def all(self) -> list[Diagnosis]:
        """Diagnoses of all phases, in order."""
        return [one for _, evidence in self.phases for one in diagnose(evidence)]

    def write(self, out: Path | None = None) -> Path:
        """Write the page to `out`, or RUN/doctor.html; returns its path."""
        path = out or self.folder.path / "doctor.html"
        with understood(self.folder.doctor):
            return write_page(path, self.worst, self.folder.path.resolve().name)

    def __str__(self) -> str:
        return in_words(self.all, sum(evidence.steps for _, evidence in self.phases))


def examine(run: str | Path) -> Examination:
    """The examination of a run. Raises RunError where nobody watched it."""
    folder = RunFolder.open(run)
    if not folder.doctor.is_file():
        raise RunError(
            "no doctor has watched this run",
            where=str(folder.path),
            remedy="Train it without --no-doctor; a run that is under way writes doctor.json "
            "when it ends or is interrupted.",
        )
    with understood(folder.doctor):
        phases = [
            (str(phase["phase"]), Evidence.from_json(phase["evidence"]))
            for phase in read_json(folder.doctor)["phases"]
        ]
        if not phases:
            raise ValueError("no phase was watched")
        found = Examination(folder, tuple(phases))
        str(found)  # raises for values that no watch has written
    return found

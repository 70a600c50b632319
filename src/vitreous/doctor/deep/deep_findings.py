"""Deep findings: what a check of data finds that learns from them, beside what a scan tells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitreous.data.check.data_findings import Findings
from vitreous.data.dataset import Dataset, Part
from vitreous.data.splits.split import Split
from vitreous.doctor.deep.challenges import Challenge
from vitreous.doctor.deep.label_changes import Exchange, Keeping
from vitreous.doctor.deep.near_copies import NearCopy
from vitreous.doctor.deep.split_shift import Shift
from vitreous.doctor.deep.trivial_features import Shortcut
from vitreous.files import write_table

COLUMNS = ("path", "part", "label", "guess", "label_probability", "guess_probability", "rank")


@dataclass(frozen=True)
class Suspect:
    """A label that its image contradicts.

    index  of the image; label and guess: names of classes, with their probabilities, out of fold
    """

    index: int
    id: str
    part: str
    label: str
    guess: str
    label_probability: float
    guess_probability: float


@dataclass(frozen=True)
class DeepFindings:
    """Everything that `check --deep` found.

    findings   in words, those of the plain check among them
    dataset    that was looked at, and its parts
    model      what judged labels, in a few words; "" where nothing did
    accuracy   how often that is right about images that it has not seen, by their labels
    suspects   labels that images contradict, the surest first
    copies     near duplicates, by the index of their images
    shift      between the training part and a later one
    shortcuts  trivial features and how many classes each tells, the most telling first
    challenges what is hard about these images
    exchanges  changes of an image that make one class of another
    kept       how many images keep their class under each change
    skipped    what was not looked at, and why
    """

    findings: Findings
    dataset: Dataset
    split: Split
    model: str = ""
    accuracy: float | None = None
    suspects: tuple[Suspect, ...] = ()
    copies: tuple[NearCopy, ...] = ()
    shift: Shift | None = None
    shortcuts: tuple[Shortcut, ...] = ()
    challenges: tuple[Challenge, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    kept: tuple[Keeping, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def fatal(self) -> bool:
        """Would training be spoiled?"""
        return self.findings.fatal

    def text(self) -> str:
        return self.findings.text()

    def to_json(self) -> dict[str, Any]:
        classes = self.dataset.classes
        return self.findings.to_json() | {
            "model": self.model or None,
            "accuracy": self.accuracy,
            "suspects": [asdict(suspect) for suspect in self.suspects],
            "near_duplicates": [
                {"one": self.dataset.id(pair.one), "other": self.dataset.id(pair.other),
                 "how": pair.how or None}
                for pair in self.copies
            ],
            "shift": None if self.shift is None else asdict(self.shift),
            "shortcuts": [asdict(shortcut) for shortcut in self.shortcuts],
            "challenges": [asdict(challenge) for challenge in self.challenges],
            "label_changes": [
                asdict(pair) | {"one": classes[pair.one], "other": classes[pair.other]}
                for pair in self.exchanges
            ],
            "kept": [asdict(keeping) for keeping in self.kept],
            "skipped": list(self.skipped),
        }  # fmt: skip

    def write_suspects(self, path: Path) -> None:
        """A table of the suspicious labels. Raises StorageError."""
        rows = [
            (each.id, each.part, each.label, each.guess, f"{each.label_probability:.4f}",
             f"{each.guess_probability:.4f}", rank)
            for rank, each in enumerate(self.suspects, 1)
        ]  # fmt: skip
        write_table(path, COLUMNS, rows)

    def without_suspects(self) -> Split:
        """The parts, with the suspicious images of the training part in none: for
        `vt.train(data, parts=...)`. Those of other parts stay, or scores would be flattered.
        """
        parts = self.split.parts.copy()
        chosen = np.array([each.index for each in self.suspects], np.int64)
        chosen = chosen[parts[chosen] == Part.TRAIN] if len(chosen) else chosen
        parts[chosen] = Part.UNASSIGNED
        return Split(parts, self.split.unreadable)

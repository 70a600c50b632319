"""Findings of a check of data, as sentences with examples and remedies, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from vitreous.data.doubt import Doubt
from vitreous.formats import counted

Severity = Literal["error", "warning", "note"]
MARKS = {"error": "✗", "warning": "!", "note": "·"}
SHOWN = 5  # examples in a text
WHOLE = {"pixels": 40}  # kinds of which more are shown: a histogram without its end says nothing


@dataclass(frozen=True)
class Finding:
    """One thing that is so.

    severity  error: training would be spoiled; warning: look at it; note: good to know
    kind      what it is about, a word for programs: "damaged", "leak", …
    message   a sentence
    examples  ids of images, pairs of ids as "one = other", or class names; all of them
    remedy    what to do about it
    """

    severity: Severity
    kind: str
    message: str
    examples: tuple[str, ...] = ()
    remedy: str | None = None

    def text(self) -> str:
        lines = [f"{MARKS[self.severity]} {self.message}"]
        shown = WHOLE.get(self.kind, SHOWN)
        lines += [f"    {example}" for example in self.examples[:shown]]
        if len(self.examples) > shown:
            lines.append(f"    … and {len(self.examples) - shown:,} more")
        if self.remedy:
            lines.append(f"  → {self.remedy}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Findings:
    """Everything that `check` found.

    name     of the data set
    images   how many there are
    classes  images by class name, over all parts; empty where there are no classes
    parts    images by part
    found    errors first
    """

    name: str
    images: int
    classes: dict[str, int]
    parts: dict[str, int]
    found: tuple[Finding, ...]

    @property
    def fatal(self) -> bool:
        """Would training be spoiled?"""
        return any(finding.severity == "error" for finding in self.found)

    def of(self, kind: str) -> Finding | None:
        """The finding of that kind, if there is one."""
        return next((finding for finding in self.found if finding.kind == kind), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "data": self.name,
            "images": self.images,
            "classes": self.classes,
            "parts": self.parts,
            "fatal": self.fatal,
            "findings": [
                asdict(finding) | {"examples": list(finding.examples)} for finding in self.found
            ],
        }

    def text(self) -> str:
        parts = ", ".join(f"{count:,} {part}" for part, count in self.parts.items() if count)
        classes = f", {counted(len(self.classes), 'class')}" if self.classes else ""
        lines = [f"{self.name}: {counted(self.images, 'image')}{classes}; {parts}"]
        lines += [finding.text() for finding in self.found]
        counts = {mark: sum(f.severity == mark for f in self.found) for mark in MARKS}
        if self.fatal:
            lines.append(f"{counted(counts['error'], 'problem')} would spoil training.")
        elif counts["warning"]:
            lines.append(f"Nothing would spoil training; {counted(counts['warning'], 'warning')}.")
        else:
            lines.append("Nothing would spoil training.")
        return "\n".join(lines)


def noted(note: str) -> Finding:
    """What was noted when the data were opened."""
    if isinstance(note, Doubt):
        return Finding(note.severity, note.kind, str(note), note.examples, note.remedy)
    return Finding("note", "opening", note)


def collected(findings: Sequence[Finding | None]) -> tuple[Finding, ...]:
    """Those that are there, errors first."""
    order = list(MARKS)
    there = [finding for finding in findings if finding is not None]
    return tuple(sorted(there, key=lambda finding: order.index(finding.severity)))

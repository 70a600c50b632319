"""Robustness as a section of a run's report: the curve, doubts about it, and corruptions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vitreous.drawing.html import sentence
from vitreous.files import read_json, understood
from vitreous.robust.norms import norm_of
from vitreous.robust.robust_scores import NAME, Robustness
from vitreous.tasks.section import Block, Curves, Note, Section, Table, Text


def robust_sections(folder: Path) -> Iterator[Section]:
    """The section, where a test of robustness was written into a run folder.

    Raises RunError for a file that is none.
    """
    found = written(folder)
    if found is not None:
        yield Section("robustness", "Robustness", list(_blocks(found)))


def robust_remarks(folder: Path) -> list[Note]:
    """Why the curve is not to be believed, if it is not."""
    found = written(folder)
    doubts = found.doubts if found is not None else ()
    return [
        Note(f"Robustness: {one.text}; the gradients are masked", "warning")
        for one in doubts
        if one.masks
    ]


def written(folder: Path) -> Robustness | None:
    path = folder / NAME
    if not path.is_file():
        return None
    with understood(path):
        return Robustness.from_json(read_json(path))


def _blocks(found: Robustness) -> Iterator[Block]:
    if found.curve:
        row = norm_of(found.norm)
        yield Text(
            f"{found.attack_in_words}, on {found.images:,} images of the {found.part} part of "
            f"{found.data}: what a change of this size leaves of the score. robustness.html shows "
            "the images."
        )
        axis = f"largest change by {row.title}, {row.unit}"
        if found.unit == "%":
            yield Curves(
                sentence(f"{found.title} under attack"),
                axis,
                [one.eps for one in found.curve],
                [(found.title, [one.value for one in found.curve])],
            )
        yield Table(
            "",
            [
                (sentence(axis), "name"),
                (found.title, "text"),
                ("largest measured", "number"),
            ],
            [(f"{one.eps:.4g}", found.format(one.value), one.largest) for one in found.curve],
        )
    if found.corruptions:
        yield Text(f"{sentence(found.corruption_summary[0])}.")
        severities = sorted({one.severity for one in found.corruptions})
        yield Table(
            "By severity",
            [("Corruption", "name"), *((f"{number}", "text") for number in severities)],
            [
                (kind.replace("_", " "), *(found.format(one.value) for one in same))
                for kind, same in found.kinds.items()
            ],
        )

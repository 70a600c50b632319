"""The page of a deep check: suspicious labels as a contact sheet, near duplicates side by side."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from vitreous.atomic import storage_errors, write_text
from vitreous.data.splits.split import Split
from vitreous.doctor.deep.deep_findings import DeepFindings, Suspect
from vitreous.drawing.html import page
from vitreous.drawing.thumbnail import thumbnail
from vitreous.errors import VitreousError
from vitreous.files import json_text, read_table, write_table

SIDE = 160  # pixels of the longer side of a picture
SUSPECTS, PAIRS = 96, 48  # shown at most


@dataclass(frozen=True)
class Seen:
    """A picture as a data URI, "" where it cannot be read; small: pixels are shown as squares."""

    id: str
    source: str
    small: bool


def write_folder(found: DeepFindings, folder: Path) -> list[Path]:
    """Write index.html, findings.json, suspicious.csv and parts.csv; returns their paths.

    parts.csv is the manifest of the parts without the suspicious images of training, which can be
    trained on; of data without files there is none. Raises StorageError.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "index.html", folder / "findings.json", folder / "suspicious.csv"]
    write_text(written[0], deep_page(found))
    write_text(written[1], json_text(found.to_json(), indent=1) + "\n")
    found.write_suspects(written[2])
    kept = found.without_suspects()
    if found.suspects and found.dataset.source(0) is not None:
        written.append(folder / "parts.csv")
        Split(kept.parts).write(written[-1], found.dataset)
        # A row without a part would be given one when the table is opened.
        rows = [row for row in read_table(written[-1]) if row["split"]]
        write_table(written[-1], tuple(rows[0]), [tuple(row.values()) for row in rows])
    return written


def deep_page(found: DeepFindings) -> str:
    """The text of an HTML file."""
    findings = [one for one in found.findings.found if one.kind not in _named(found)]
    sections = [("findings", "Findings")]
    sections += [("suspects", "Suspicious labels")] if found.suspects else []
    sections += [("copies", "Near duplicates")] if found.copies else []
    sections += [("shortcuts", "Shortcuts")] if found.shortcuts else []
    sections += [("shift", "Parts")] if found.shift else []
    sections += [("challenges", "Five challenges")] if found.challenges else []
    sections += [("changes", "Changed images")] if found.kept else []
    suspects = found.suspects[:SUSPECTS]
    copies = found.copies[:PAIRS]
    return page(
        "vitreous.doctor.deep",
        "deep.html.j2",
        title=f"Check of {found.findings.name}",
        sections=sections,
        found=found,
        findings=findings,
        marks={"error": "warning", "warning": "warning", "note": "note"},
        suspects=[(each, _seen(found, each.index), _example(found, each)) for each in suspects],
        copies=[(pair, _seen(found, pair.one), _seen(found, pair.other)) for pair in copies],
        part=lambda index: found.split.parts[index],
        names=found.dataset.classes,
    )


def _named(found: DeepFindings) -> set[str]:
    """Kinds of findings that have a section of their own."""
    return {challenge.name for challenge in found.challenges} | {"changed images"}


def _seen(found: DeepFindings, index: int) -> Seen:
    name = found.dataset.id(index)
    try:
        picture = thumbnail(found.dataset.read(index, SIDE), SIDE)
    except VitreousError:
        return Seen(name, "", False)
    small = picture.startswith(b"\x89PNG")
    kind = "png" if small else "jpeg"
    return Seen(name, f"data:image/{kind};base64,{b64encode(picture).decode()}", small)


def _example(found: DeepFindings, suspect: Suspect) -> str:
    return f"{suspect.part} part" if suspect.part != "unassigned" else ""

"""The doctor's page: each diagnosis with the pictures that show it, in one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitreous.atomic import write_text
from vitreous.doctor.diagnoses import Diagnosis, diagnose
from vitreous.doctor.doctor_charts import CHARTS
from vitreous.doctor.evidence import Evidence
from vitreous.drawing.html import page


def write_page(
    path: Path, evidence: Evidence, title: str, found: Sequence[Diagnosis] | None = None
) -> Path:
    """Write the page; returns its path.

    found  the diagnoses; None takes those of the evidence
    """
    write_text(path, render_page(evidence, title, diagnose(evidence) if found is None else found))
    return path


def render_page(evidence: Evidence, title: str, found: Sequence[Diagnosis]) -> str:
    """The text of the page."""
    drawn = {name: chart(evidence) for name, chart in CHARTS.items()}
    there = {name: chart for name, chart in drawn.items() if chart is not None}
    used = {name for one in found for name in one.charts}
    sections = [(one.key, one.title) for one in found] or [("verdict", "Verdict")]
    return page(
        "vitreous.doctor",
        "doctor.html.j2",
        title=f"Doctor: {title}",
        sections=[*sections, ("measured", "Measured")],
        found=found,
        charts=there,
        rest={name: chart for name, chart in there.items() if name not in used},
        steps=evidence.steps,
        looked=len(evidence.samples),
    )

"""How scores are printed: a few lines for a person, or one JSON object for a program."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from vitreous.files import json_text


def verdict(summary: dict[str, Any], as_json: bool, report: Path | None = None) -> None:
    """Print what a run or an evaluation measured.

    summary  {"run", "model", "task", "seconds", "scores": {part: {...}}, "notes": [...]}
    """
    if as_json:
        print(json_text(summary))
        return
    from vitreous.report.findings import in_short
    from vitreous.tasks import TASKS

    lines, confused = [("model", summary["model"])], []
    task = TASKS[summary["task"]]
    for part, found in summary["scores"].items():
        scores = task.SCORES.from_json(found)
        lines += in_short(part, scores)
        confused = task.mix_ups(scores)  # of the last part: the test part, where there is one
    if confused:
        lines.append(("confused", "; ".join(confused)))
    for member in summary.get("members", ()):
        lines.append(("member", f"{member['text']}   {member['run']}"))
    if summary.get("gain"):
        lines.append(("gain", summary["gain"]["text"]))
    if summary.get("kept"):
        lines.append(("kept", "epoch {epoch} of {of}".format(**summary["kept"])))
    if summary.get("seconds") is not None:
        lines.append(("time", f"{summary['seconds']:.1f} s"))
    if summary.get("run"):
        several = isinstance(summary["run"], list)
        lines.append(("run", ", ".join(summary["run"]) if several else str(summary["run"])))
    if report is not None:
        lines.append(("report", str(report)))
    for note in summary.get("notes", []):
        lines.append(("note", note))
    for name, text in lines:
        print(f"{name:<12}{text}")
    if report is not None:
        run = shlex.quote(str(summary["run"]))
        print(f"next: vitreous predict {run} IMAGE; vitreous report {run} --open", file=sys.stderr)

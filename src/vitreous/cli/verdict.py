"""How scores are printed: a few lines for a person, or one JSON object for a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def verdict(summary: dict[str, Any], as_json: bool, report: Path | None = None) -> None:
    """Print what a run or an evaluation measured.

    summary  {"run", "model", "task", "seconds", "scores": {part: {...}}, "notes": [...]}
    """
    if as_json:
        print(json.dumps(summary))
        return
    lines = [("model", summary["model"])]
    for part, scores in summary["scores"].items():
        lines.append((part, headline(scores)))
        for rule in scores["baselines"]:
            lines.append(("", f"{rule[scores['headline']]:8.2%}   for scale: {rule['detail']}"))
    if summary.get("seconds") is not None:
        lines.append(("time", f"{summary['seconds']:.1f} s"))
    if summary.get("run"):
        lines.append(("run", str(summary["run"])))
    if report is not None:
        lines.append(("report", str(report)))
    for note in summary.get("notes", []):
        lines.append(("note", note))
    for name, text in lines:
        print(f"{name:<12}{text}")


def headline(scores: dict[str, Any]) -> str:
    """The one number that matters, with its interval and the number of images behind it."""
    name = scores["headline"]
    text = f"{scores[name]:8.2%}   {NAMES[name]}"
    interval = scores.get(INTERVALS[name])
    if interval:
        text += f", 95 % interval {interval[0]:.2%} to {interval[1]:.2%}"
    return f"{text}, on {scores['count']:,} images"


NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "map": "mean average precision",
}
INTERVALS = {
    "accuracy": "interval",
    "balanced_accuracy": "balanced_interval",
    "map": "map_interval",
}

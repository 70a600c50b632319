"""Pages of the site that are made of the code: the help of each verb, and each public name with its
docstring; and the index, which is README.md with a table of contents.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

PACKAGES = {
    "vitreous": "Train, measure, load: what most programs need",
    "vitreous.models": "Networks",
    "vitreous.augment": "Random changes of images",
    "vitreous.tasks": "What a target means",
    "vitreous.losses": "Losses",
    "vitreous.metrics": "Scores",
    "vitreous.inference": "Trained networks",
    "vitreous.explain": "Explanations",
    "vitreous.robust": "Attacks and damage",
    "vitreous.doctor": "Diagnoses of training",
    "vitreous.retrieval": "Search by what a network sees",
    "vitreous.trace": "Graphs, shapes, costs",
    "vitreous.backprop": "Derivatives by hand",
}
WIDTH = "96"  # columns of the terminal that is shown


def write_reference(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    write(folder / "command-line.md", command_line())
    write(folder / "python.md", python())


def write_index(folder: Path, pages: Mapping[str, Sequence[str]]) -> None:
    """pages  by heading, the names of its pages without ending"""
    trees = [
        f"```{{toctree}}\n:hidden:\n:caption: {heading}\n\n" + "\n".join(names) + "\n```"
        for heading, names in pages.items()
    ]
    write(folder / "index.md", "\n\n".join([(folder / "README.md").read_text("utf-8"), *trees]))


def write(place: Path, text: str) -> None:
    """Nothing if it is there already: a builder looks at the times of files."""
    if not place.exists() or place.read_text("utf-8") != text:
        place.write_text(text, "utf-8")


def command_line() -> str:
    """A section for each verb: what `vitreous VERB --help` prints."""
    from vitreous.cli.main import VERBS

    parts = ["# Command line", "What `vitreous VERB --help` prints, verb by verb."]
    for verb, _, summary in VERBS:
        parts += [f"## {verb}", summary, block("text", shown([verb, "--help"]))]
    return "\n\n".join(parts) + "\n"


def shown(arguments: list[str]) -> str:
    """What a terminal without colors shows."""
    from unittest.mock import patch

    from vitreous.cli.main import run

    terminal = {"COLUMNS": WIDTH, "NO_COLOR": "1", "TERM": "dumb"}
    with patch.dict("os.environ", terminal), contextlib.redirect_stdout(io.StringIO()) as out:
        code = run(arguments)
    if code:
        raise RuntimeError(f"vitreous {' '.join(arguments)} ended with {code}")
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def python() -> str:
    """A section for each package: its public names, their signatures and docstrings."""
    parts = ["# Python", "The public names, with their docstrings as they stand in the code."]
    for package, title in PACKAGES.items():
        module = importlib.import_module(package)
        parts += [f"## {package}", f"{title}."]
        for name in module.__all__:
            if not name.startswith("__"):
                parts += entry(package, name, getattr(module, name))
    return "\n\n".join(parts) + "\n"


def entry(package: str, name: str, value: object) -> list[str]:
    """The heading and text of one name; of a value that is no function or class, its kind."""
    heading = f"### {package}.{name}"
    if inspect.ismodule(value):
        return [heading, block("text", inspect.getdoc(value) or "")]
    if not callable(value):
        return [heading, f"A `{type(value).__name__}`" + listed(value) + "."]
    try:
        signature = f"{name}{inspect.signature(value)}"
    except ValueError:
        signature = name
    text = inspect.getdoc(value) or ""
    return [heading, block("python", signature), *([block("text", text)] if text else [])]


def listed(value: object) -> str:
    """The keys of a table."""
    return f" of {', '.join(f'`{key}`' for key in value)}" if isinstance(value, dict) else ""


def block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"

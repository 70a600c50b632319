"""A chapter of the textbook: one experiment as it was measured, kept as JSON and found again.

A chapter is measured once for each experiment, size, seed and state of the code: the key is a hash
of the source of the experiment's module and of everything in vitreous that it imports.
"""

from __future__ import annotations

import ast
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from vitreous.atomic import storage_errors
from vitreous.data.formats.open import open
from vitreous.errors import VitreousError
from vitreous.files import read_json, write_json
from vitreous.labs.lab import Finding, Lab, Size, Values, held
from vitreous.version import __version__

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, eq=False)
class Chapter:
    """What came of an experiment.

    values   as `lab.measure` gave them
    seconds  that measuring took, and of the processor
    key      of experiment, settings, data and code
    """

    lab: Lab
    size: Size
    seed: int
    values: Values
    seconds: float
    cpu_seconds: float
    key: str

    @property
    def findings(self) -> list[Finding]:
        return list(self.lab.judge(self.values))

    @property
    def holds(self) -> bool:
        return held(self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.lab.row,
            "name": self.lab.name,
            "title": self.lab.title,
            "claims": self.lab.claims,
            "source": self.lab.source,
            "assumed": self.lab.assumed,
            "size": self.size,
            "seed": self.seed,
            "holds": self.holds,
            "findings": [finding.to_json() for finding in self.findings],
            "values": self.values,
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "vitreous": __version__,
            "torch": torch.__version__,
            "key": self.key,
        }

    def save(self, folder: Path) -> Path:
        """Write `folder/ROW.json`. Raises StorageError."""
        path = folder / f"{self.lab.row}.json"
        with storage_errors(path):
            folder.mkdir(parents=True, exist_ok=True)
        write_json(path, self.to_json())
        return path


def measure(lab: Lab, size: Size = "quick", seed: int = 0, data: str | None = None) -> Chapter:
    """Run an experiment; `data` for those that take a data set, None for their own."""
    clock, cpu = time.perf_counter(), time.process_time()
    values = lab.measure(seed=seed, **lab.settings(size, data))
    values = json.loads(json.dumps(values))  # as they will be read again: lists, not tuples
    seconds, spent = time.perf_counter() - clock, time.process_time() - cpu
    return Chapter(lab, size, seed, values, seconds, spent, key(lab, size, seed, data))


def recall(
    lab: Lab,
    folder: Path,
    size: Size | None = None,
    seed: int | None = None,
    data: str | None = None,
) -> Chapter | None:
    """The chapter in a folder if it was measured by this code on this data; None where there is
    none.

    size, seed  that it must have; None takes any
    """
    path = folder / f"{lab.row}.json"
    if not path.is_file():
        return None
    try:
        found = read_json(path)
        kept = Chapter(
            lab,
            found["size"],
            found["seed"],
            found["values"],
            found["seconds"],
            found["cpu_seconds"],
            found["key"],
        )
        fits = kept.key == key(lab, kept.size, kept.seed, data)
    except (VitreousError, LookupError, TypeError):
        return None  # no chapter of ours: it is measured anew, and replaced
    wanted = size in (None, kept.size) and seed in (None, kept.seed)
    return kept if fits and wanted else None


def key(lab: Lab, size: Size, seed: int, data: str | None = None) -> str:
    """A hash of the experiment, its settings and its code: what a chapter depends on."""
    settings = sorted(lab.settings(size).items())
    if lab.data and data is not None:
        settings.append(("data", fingerprint(data)))
    told = f"{lab.row} {size} {seed} {settings} {torch.__version__}"
    module = lab.measure.__module__
    return hashlib.blake2b(f"{told} {code_digest(module)}".encode(), digest_size=16).hexdigest()


@cache
def fingerprint(data: str) -> str:
    """Of a data set, so that a chapter on other images is another chapter."""
    return open(data).fingerprint


@cache
def code_digest(module: str) -> str:
    """A hash of the source of a module and of all modules of vitreous that it needs."""
    known: dict[Path, str] = {}
    waiting = [file_of(module)]
    while waiting:
        path = waiting.pop()
        if path is not None and path not in known:
            known[path] = path.read_text("utf-8")
            waiting += map(file_of, imports(known[path]))
    told = "\n".join(f"{path.relative_to(ROOT)}\n{known[path]}" for path in sorted(known))
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def file_of(module: str) -> Path | None:
    """Where the source of a module of vitreous lies; None for what is no module of it."""
    first, *names = module.split(".")
    if first != ROOT.name:
        return None
    path = ROOT.joinpath(*names)
    files = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


def imports(source: str) -> Iterator[str]:
    """What a text imports by `from … import`, nested ones too: modules, and what may be one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)

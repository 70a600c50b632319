"""The folder of a search over several runs: what was planned, and each run once.

What is done lies on the disk, so whoever was stopped gives the same command again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vitreous.data.dataset import Dataset
from vitreous.data.splits.split import Split
from vitreous.errors import RunError
from vitreous.files import read_json, write_json
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe
from vitreous.run_folder import RunFolder
from vitreous.runs.interrupt import Interrupted
from vitreous.runs.run import Run, resume, train

PLAN = "plan.json"


def begin(folder: Path, plan: dict[str, Any], noun: str, otherwise: str) -> None:
    """Write what was planned into a folder that is new, or holds the same.

    noun       what the folder is, such as "search"
    otherwise  how another plan differs, such as "of other data or settings"

    Raises RunError for a folder that holds something else.
    """
    path, wanted = folder / PLAN, json.loads(json.dumps(plan))
    if folder.exists() and not path.is_file() and any(folder.iterdir()):
        raise RunError(
            f"exists, and is no {noun}",
            where=str(folder),
            remedy="Choose another place with --out.",
        )
    if path.is_file() and read_json(path) != wanted:
        raise RunError(
            f"holds a {noun} {otherwise}",
            where=str(folder),
            remedy="Give the same ones to go on with it, or choose another place with --out.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, wanted)


def run_once(path: Path, data: Dataset, recipe: Recipe, parts: Split, shown: Progress) -> Run:
    """The run in a folder: read if it has ended, gone on with if it was stopped, else begun."""
    folder = RunFolder(path)
    if path.exists() and not folder.recipe.is_file():
        shutil.rmtree(path)  # killed before it had begun
    if not path.exists():
        return train(data, recipe, parts=parts, out=path, progress=shown, doctor=False)
    if folder.finished and folder.report.exists():
        return Run.read(folder)
    return resume(path, data, progress=shown, doctor=False)


@contextmanager
def taken_up(folder: Path) -> Iterator[None]:
    """Whoever stops what is done in the block is told that the same command goes on with it."""
    try:
        yield
    except Interrupted as error:
        error.where, error.remedy = str(folder), "The same command goes on with it."
        raise

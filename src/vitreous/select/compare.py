"""Comparison of runs on the same test images: which differences are shown, and which may be luck.

What each run said of each image lies in its folder, so nothing is measured again. Two things are
asked. Of two trained networks: would other images tell the same? That is a paired test. Of two
recipes, where each was trained under several seeds: would other seeds? That is a test of means.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import RunError, UsageError
from vitreous.files import read_json, read_table, read_yaml, understood
from vitreous.formats import counted
from vitreous.metrics.contrast import LEVEL, contrast, holm
from vitreous.metrics.score import Score
from vitreous.run_folder import RunFolder
from vitreous.select.verdicts import Compared, Comparison, Pair, Recipe, seeds_apart
from vitreous.tasks import TASKS, Task

PASSED = {"seed", "log", "checkpoint", "device", "threads", "time"}
"""Fields of a recipe in which runs of one recipe may differ."""


@dataclass(frozen=True)
class Answered:
    """What a run folder tells of one part.

    name      as it was given
    data      name of the data, and their fingerprint
    task      class of its task
    paths     (N,) ids of the images that were scored
    unread    ids of those that could not be read
    values    (N,) the score of each
    headline  the score to judge by, of the whole part
    """

    name: str
    data: str
    fingerprint: str
    task: type[Task]
    paths: tuple[str, ...]
    unread: frozenset[str]
    values: NDArray[np.float64]
    headline: Score
    model: str
    seed: int
    recipe: str


def compare(*runs: str | Path, split: Literal["test", "validation"] = "test") -> Comparison:
    """Compare two or more finished runs of the same data on the same images.

    runs   run folders
    split  test or validation: choose by validation, where there is a choice to be made

    Raises UsageError for fewer than two runs, or one twice, and RunError where runs cannot be
    compared: of other data, another test part or another task.
    """
    if len(runs) < 2:
        raise UsageError(
            f"{counted(len(runs), 'run')} given, and a comparison needs two or more",
            remedy="Name their folders: `vitreous compare runs/a runs/b`.",
        )
    if split not in ("test", "validation"):
        raise UsageError(
            f"unknown part '{split}'", where="--split", remedy="Known: test, validation."
        )
    places = [Path(run).resolve() for run in runs]
    for place in places:
        if places.count(place) > 1:
            raise UsageError("is given twice", where=str(place), remedy="Name each run once.")
    answered = [read(run, split) for run in runs]
    check_same(answered, split)
    # Runs may have left out other images, as unreadable: then only what all answered is compared.
    shared = set(answered[0].paths).intersection(*(one.paths for one in answered[1:]))
    order = sorted(shared)
    values = [aligned(one, order) for one in answered]
    task = answered[0].task
    assert task.image_score is not None
    found = [contrast(one, two) for one, two in itertools.combinations(values, 2)]
    raised = holm([each.p for each in found])
    names = itertools.combinations([one.name for one in answered], 2)
    pairs = tuple(
        Pair(first, second, each, p, p < LEVEL)
        for (first, second), each, p in zip(names, found, raised, strict=True)
    )
    compared = tuple(
        Compared(one.name, one.model, one.seed, float(np.nanmean(each)), one.headline)
        for one, each in zip(answered, values, strict=True)
    )
    recipes = grouped(answered)
    return Comparison(
        data=answered[0].data,
        part=split,
        count=len(order),
        score=task.image_score,
        runs=compared,
        pairs=pairs,
        recipes=recipes,
        seeds=seeds_apart(recipes, answered[0].headline),
        notes=tuple(remarks(answered, len(order), split)),
    )


def read(run: str | Path, split: str) -> Answered:
    """What a run has answered. Raises RunError where it has not ended, or has no such part."""
    folder = RunFolder.open(run)
    if not folder.finished:
        raise RunError(
            "has not ended, so there is nothing to compare",
            where=str(run),
            remedy=f"Go on with it by `{folder.resume_command}`.",
        )
    summary, written = read_json(folder.scores), read_yaml(folder.recipe)
    rows = [row for row in read_table(folder.predictions, ("path", "part")) if row["part"] == split]
    with understood(folder.scores):
        task = TASKS[summary["task"]]
        told = summary["scores"]
        if split not in told or not rows:
            known = ", ".join(told) or "none"
            raise RunError(
                f"has no {split} part that was scored; there is: {known}",
                where=str(run),
                remedy="Choose one that all runs have with --split, or train with a part for it.",
            )
        headline = task.SCORES.from_json(told[split]).headline
    with understood(folder.recipe):
        recipe = {k: v for k, v in written["recipe"].items() if k not in PASSED}
        seed, fingerprint = int(written["recipe"]["seed"]), str(written["fingerprint"])
        data = str(written["data"] or "data in memory")
    with understood(folder.predictions):
        values = task.of_images(rows)
    return Answered(
        name=str(run),
        data=data,
        fingerprint=fingerprint,
        task=task,
        paths=tuple(row["path"] for row in rows),
        unread=frozenset(row["id"] for row in read_table(folder.quarantine, ("id",))),
        values=values,
        headline=headline,
        model=str(summary["model"] or "a network of your own"),
        seed=seed,
        recipe=json.dumps([recipe, summary["model"]], sort_keys=True, default=str),
    )


def check_same(answered: Sequence[Answered], split: str) -> None:
    """Raises RunError where these runs were not asked the same about the same images."""
    first = answered[0]
    for other in answered[1:]:
        if other.task is not first.task:
            raise RunError(
                f"its task is '{other.task.name}', and that of {first.name} '{first.task.name}'",
                where=other.name,
                remedy="Compare runs that answer the same question.",
            )
        if other.fingerprint != first.fingerprint:
            raise RunError(
                f"was trained on other data ({other.data}) than {first.name} ({first.data}): other "
                "images, or other labels",
                where=other.name,
                remedy="Measure both on one set of images by `vitreous evaluate`, and look whether "
                "the intervals meet; or train both on the same data.",
            )
        mine, theirs = set(first.paths), set(other.paths)
        if mine - theirs - other.unread or theirs - mine - first.unread:
            raise RunError(
                f"its {split} part is another one: of its {counted(len(theirs), 'image')}, "
                f"{len(mine & theirs):,} are in that of {first.name}",
                where=other.name,
                remedy="Train both with the same --validation and --test, or on data with "
                "prescribed parts.",
            )


def aligned(one: Answered, order: Sequence[str]) -> NDArray[np.float64]:
    """(M,) the scores of these images."""
    places = {path: place for place, path in enumerate(one.paths)}
    found: NDArray[np.float64] = one.values[[places[path] for path in order]]
    return found


def grouped(answered: Sequence[Answered]) -> tuple[Recipe, ...]:
    """Runs that differ in their seed alone, together; in the order in which they were given."""
    groups: dict[str, list[Answered]] = {}
    for one in answered:
        groups.setdefault(one.recipe, []).append(one)
    return tuple(
        Recipe(
            tuple(one.name for one in members),
            tuple(one.headline.value for one in members),
            len({one.seed for one in members}),
        )
        for members in groups.values()
    )


def remarks(answered: Sequence[Answered], count: int, split: str) -> list[str]:
    """What should be known of such a comparison."""
    notes = []
    most = max(len(one.paths) for one in answered)
    if count < most:
        notes.append(
            f"{most - count:,} of {most:,} images are left out: not all runs could read them"
        )
    if split == "test":
        notes.append(
            "to choose one of these runs, compare them by --split validation: a test part by which "
            "was chosen is no test any more"
        )
    else:
        notes.append(
            "each run kept its best epoch by these images, so all scores are slightly too good"
        )
    return notes

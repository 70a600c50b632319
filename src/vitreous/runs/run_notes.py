"""Notes: what a reader of a run's scores should know about its data, said before training, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.pack import Pack
from vitreous.data.check.training_findings import sentences
from vitreous.data.dataset import Part
from vitreous.errors import UsageError
from vitreous.formats import counted
from vitreous.inference.views import VIEWS
from vitreous.recipes.recipe import Recipe
from vitreous.runs.job import Job
from vitreous.tasks import Task
from vitreous.tasks.task import Columns, Ids

HELD_OUT = (Part.VALIDATION, Part.TEST)
UNEQUAL = 4  # times as many training images in the largest class as in the smallest


def scorable(job: Job, packed: Pack, part: Part) -> Ids:
    """The rows of a part that can be read; none if no answer could be held against their targets.
    That a whole part is such, say all void, is not to end a run once it has been trained.
    """
    chosen = job.parts.indices(part)
    ids: Ids = chosen[packed.good[chosen]]
    needed = (packed.targets[name].take(ids) for name in job.task.needs)
    return ids[:0] if part is not Part.TRAIN and any(column.empty for column in needed) else ids


def notes(job: Job, good: NDArray[np.bool_], ids: Mapping[Part, Ids]) -> list[str]:
    """One sentence each.

    good  (N,) images that can be read
    ids   by part, the rows to learn from or to measure on, see `scorable`
    """
    found = [*job.task.doubts(job.taken(ids[Part.TRAIN]))] if job.task_is_a_guess else []
    if bad := int((~good).sum()):
        found.append(f"left out as unreadable: {counted(bad, 'image')}")
    if job.parts.leaks:
        found.append(
            f"in more than one part: {counted(len(job.parts.leaks), 'image')}, so the scores "
            "flatter the network; `vitreous check` names them"
        )
    for part in HELD_OUT:
        if good[job.parts.indices(part)].any() and not len(ids[part]):
            found.append(
                f"the {part.name.lower()} part was not scored: its targets say nothing that "
                "an answer could be held against"
            )
    held_out = len(ids[Part.VALIDATION]), len(ids[Part.TEST])
    if not any(held_out):
        found.append("nothing is held out: there are no scores, and nothing tells how good it is")
    elif not held_out[1]:
        found.append(
            "there is no test part: the validation scores were used for choosing, and are a "
            "little too good"
        )
    if job.recipe.tta in VIEWS:
        found.append(
            f"at the end, and from then on, an answer is the mean over views of its image "
            f"(--tta {job.recipe.tta}); the scores of the epochs are of one view"
        )
    if not job.task.needs:  # what is wrong with targets is nothing to it
        return found
    found += sentences(job.dataset, job.parts, good)
    if job.recipe.balance == "none":
        found += unequal(job.taken(ids[Part.TRAIN]), job.task, job.recipe)
    return found


def unequal(training: Columns, task: type[Task], recipe: Recipe) -> Sequence[str]:
    """Classes that are very unequal, with what this task can do about it."""
    found = class_counts(training)
    if found is None:
        return ()
    names, counts = found
    present = np.flatnonzero(counts)
    if not len(present) or counts.max() <= UNEQUAL * counts[present].min():
        return ()
    most, least = counts.argmax(), present[counts[present].argmin()]
    helps = [word for word in ("weights", "sampler") if takes(task, recipe, word)]
    advice = f"; --balance {' or '.join(helps)} may help" if helps else ""
    return [
        f"classes are unequal: {counts[most]:,} training images of '{names[most]}', "
        f"{counts[least]:,} of '{names[least]}'{advice}"
    ]


def takes(task: type[Task], recipe: Recipe, balance: str) -> bool:
    """Does this task take such a balance, with the settings that it has?"""
    try:
        task.check_settings(recipe.loss, recipe.label_smoothing or 0.0, balance)
    except UsageError:
        return False
    return True


def class_counts(targets: Columns, ids: Ids | None = None) -> tuple[tuple[str, ...], Ids] | None:
    """(names, counts) of the classes among these rows; None where there are no classes."""
    for column in targets.values():
        counts = (column if ids is None else column.take(ids)).counts()
        if counts is not None:
            return column.classes, counts
    return None

"""The table of tasks, and which of them a data set's targets ask for."""

from __future__ import annotations

from vitreous.errors import DataError
from vitreous.tasks.classify import Classify
from vitreous.tasks.count import Count
from vitreous.tasks.denoise import Denoise
from vitreous.tasks.depth import Depth
from vitreous.tasks.detect import Detect
from vitreous.tasks.keypoints import Keypoints
from vitreous.tasks.label import Label
from vitreous.tasks.locate import Locate
from vitreous.tasks.pretrain import Pretrain
from vitreous.tasks.regress import Regress
from vitreous.tasks.segment import Segment
from vitreous.tasks.task import Columns, Kinds, Task

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        Classify,
        Label,
        Segment,
        Regress,
        Keypoints,
        Locate,
        Detect,
        Count,
        Depth,
        Denoise,
        Pretrain,
    )
}
"""The tasks by name, in the order in which they are tried on data."""


def recognized(kinds: Kinds) -> list[str]:
    """The names of the tasks that columns of these kinds can be used for."""
    return [name for name, task in TASKS.items() if task.recognizes(kinds)]


def fitting(targets: Columns) -> list[str]:
    """The names of the tasks that these targets can be used for, the likeliest first."""
    names = recognized({name: type(column) for name, column in targets.items()})
    return sorted(names, key=lambda name: not TASKS[name].likely(targets))


def described(targets: Columns) -> str:
    """What these targets are like, in the words of the likeliest task; "" where there is none."""
    names = fitting(targets)
    return TASKS[names[0]].describe(targets) if names else ""


def task_of(targets: Columns) -> Task:
    """The likeliest task of these targets, with its default loss. Raises DataError for none."""
    names = fitting(targets)
    if not names:
        raise DataError(
            f"no task learns from the targets {', '.join(targets) or 'of unlabeled images'} alone",
            remedy=f"Known tasks need: {'; '.join(task.requirement for task in TASKS.values())}.",
        )
    return TASKS[names[0]].of(targets)

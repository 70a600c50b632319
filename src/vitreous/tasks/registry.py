"""The table of tasks, and which of them a data set's targets ask for."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any

from vitreous.errors import DataError
from vitreous.tasks.task import Columns, Kinds, Task


class TaskTable(UserDict[str, Any]):
    """Tasks by name, as classes, or as places of classes in this package: one of these is imported
    when it is asked for, because an answer needs one task and not all.
    """

    def __getitem__(self, name: str) -> type[Task]:
        found = self.data[name]
        if isinstance(found, str):
            module, kind = found.split(".")
            found = self.data[name] = getattr(import_module(f"vitreous.tasks.{module}"), kind)
        task: type[Task] = found
        return task


TASKS = TaskTable(
    {
        "classify": "classify.Classify",
        "label": "label.Label",
        "segment": "segment.Segment",
        "regress": "regress.Regress",
        "keypoints": "keypoints.Keypoints",
        "locate": "locate.Locate",
        "detect": "detect.Detect",
        "count": "count.Count",
        "depth": "depth.Depth",
        "denoise": "denoise.Denoise",
        "pretrain": "pretrain.Pretrain",
    }
)
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

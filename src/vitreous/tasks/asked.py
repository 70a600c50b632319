"""Data as a task asks for them that was chosen by its name: other targets, or these read anew."""

from __future__ import annotations

from copy import copy

from vitreous.data.dataset import Dataset
from vitreous.tasks.registry import TASKS


def as_asked(dataset: Dataset, task: str) -> Dataset:
    """The data with their targets as the task asks for them, which was chosen by its name."""
    if task not in TASKS:
        return dataset
    for name in TASKS[task].needs.keys() - dataset.targets.keys():
        if name in dataset.alternatives:
            dataset = dataset.alternatives[name]()
    targets = TASKS[task].adapt(dataset.targets, dataset.name)
    if targets is dataset.targets:
        return dataset
    asked = copy(dataset)
    asked.__dict__.pop("fingerprint", None)  # it is that of other targets
    asked.targets = targets
    return asked

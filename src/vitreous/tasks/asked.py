"""Data as a task asks for them that was chosen by its name."""

from __future__ import annotations

from vitreous.data.dataset import Dataset
from vitreous.tasks.registry import TASKS


def as_asked(dataset: Dataset, task: str, noise: str | None = None) -> Dataset:
    """The data with their targets as the task asks for them, which was chosen by its name.

    noise  that clean images are given, where the task asks for noisy ones; None: the usual
    """
    return TASKS[task].pose(dataset, noise) if task in TASKS else dataset

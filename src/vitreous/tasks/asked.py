"""Data as a task asks for them that was chosen by its name."""

from __future__ import annotations

from vitreous.data.dataset import Dataset
from vitreous.data.formats.collection import collection
from vitreous.data.formats.manifest import BadImages
from vitreous.data.formats.open import open as open_data
from vitreous.tasks.registry import TASKS


def as_asked(dataset: Dataset, task: str, noise: str | None = None) -> Dataset:
    """The data with their targets as the task asks for them, which was chosen by its name.

    noise  that clean images are given, where the task asks for noisy ones; None: the usual
    """
    return TASKS[task].pose(dataset, noise) if task in TASKS else dataset


def opened(
    data: object, task: str, noise: str | None = None, *, bad_images: BadImages = "skip"
) -> Dataset:
    """Data from wherever they lie, as the task asks for them; see `as_asked`. Where it makes its
    targets of the images, any folder of images will do.
    """
    unsorted = task in TASKS and TASKS[task].unlabeled
    found = (collection if unsorted else open_data)(data, bad_images=bad_images)
    return as_asked(found, task, noise)

"""A data set with its scan and its split, as the checks use them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vitreous.data.check.scan import Survey
from vitreous.data.columns import classed
from vitreous.data.dataset import Dataset, Part
from vitreous.data.images.read_file import printable
from vitreous.data.splits.split import Split
from vitreous.errors import ImageError
from vitreous.formats import counted

LATER = (Part.VALIDATION, Part.TEST)


class View:
    """Names, labels and counts, of the images that can be read."""

    def __init__(self, dataset: Dataset, seen: Survey, split: Split):
        self.dataset, self.seen, self.split = dataset, seen, split
        self.parts = split.parts
        self.good = int(seen.good.sum())

    def name(self, index: int) -> str:
        return printable(self.dataset.id(index))

    def pair(self, one: int, other: int) -> str:
        return f"{self.name(one)} = {self.name(other)}"

    def labeled(self, one: int, other: int) -> str:
        """A pair with the labels of both, which differ."""
        labels = (self.dataset.text(index).replace(", ", "+") for index in (one, other))
        return f"{self.pair(one, other)} ({', '.join(labels)})"

    def names(self, indices: NDArray[np.int64]) -> tuple[str, ...]:
        return tuple(self.name(index) for index in indices.tolist())

    def counts(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Images that show each class, among the chosen ones."""
        if self.strata is None:
            return np.zeros(0, np.int64)
        rows, labels = self.strata
        return np.bincount(labels[chosen[rows]], minlength=len(self.dataset.classes))

    @cached_property
    def strata(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Images with the classes that they show; None where there are no classes."""
        column = classed(self.dataset.targets)
        return column.strata() if column else None

    def contradict(self, one: int, other: int) -> bool:
        """Do two images that look alike have targets of which one must be wrong?"""
        try:
            return any(each.contradict(one, other) for each in self.dataset.targets.values())
        except ImageError:  # a mask that cannot be read is said elsewhere
            return False

    def differ(self, one: int, other: int) -> bool:
        """Do two images have different targets?"""
        try:
            return any(
                not np.array_equal(column.value(one), column.value(other))
                for column in self.dataset.targets.values()
            )
        except ImageError:  # a mask that cannot be read is said elsewhere
            return False


def these(count: int, noun: str, one: str = "has", many: str = "have") -> str:
    """The beginning of a sentence: "1 class has", "5 images have", or another verb."""
    return f"{counted(count, noun)} {one if count == 1 else many}"

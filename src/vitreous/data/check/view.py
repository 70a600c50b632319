"""A data set with its scan and its split, as the checks use them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitreous.data.check.scan import Survey
from vitreous.data.dataset import Dataset, Part
from vitreous.data.images.read_file import printable
from vitreous.data.splits.split import Split
from vitreous.formats import counted

SERIOUS = 0.01  # share of images from which damage and contradictions are errors
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
        labels = ("+".join(self.dataset.labels(index)) or "none" for index in (one, other))
        return f"{self.pair(one, other)} ({', '.join(labels)})"

    def names(self, indices: NDArray[np.int64]) -> tuple[str, ...]:
        return tuple(self.name(index) for index in indices.tolist())

    def counts(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Images of each class among the chosen ones."""
        targets = self.dataset.targets[chosen]
        if targets.ndim == 2:
            return np.asarray(targets.sum(axis=0), np.int64)
        return np.asarray(np.bincount(targets, minlength=len(self.dataset.classes)), np.int64)

    def differ(self, one: int, other: int) -> bool:
        return bool(np.any(self.dataset.targets[one] != self.dataset.targets[other]))


def these(count: int, noun: str, one: str = "has", many: str = "have") -> str:
    """The beginning of a sentence: "1 class has", "5 images have", or another verb."""
    return f"{counted(count, noun)} {one if count == 1 else many}"

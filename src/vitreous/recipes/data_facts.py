"""Data facts: statistics of the data that the automatic defaults of a recipe depend on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vitreous.data.columns import ClassNumbers, Column
from vitreous.data.dataset import Dataset
from vitreous.data.manifest_words import bare
from vitreous.errors import DataError, ImageError
from vitreous.tasks.registry import described, fitting, recognized

SMALL = 64  # pixels; up to here images are learned from scratch at their own size
TINY = 16  # pixels; smaller ones are enlarged to this, or too little is left of their last map
Kinds = Mapping[str, type[Column]]
PROBES = 24  # images that are opened to learn the usual size


@dataclass(frozen=True)
class DataFacts:
    """What the choices depend on.

    height, width  the usual size of an image, in pixels
    uniform        whether all probed images have that size
    classes        their names; what other targets are called where there are no classes
    examples       number of training images
    kinds          the columns of targets by name
    dataset        its name, which may tell what the images are
    description    what the targets are like, as a sentence
    noise          what was done to the images, see `Dataset.noise`
    tasks          that the targets can be used for, the likeliest first; see `fitting`
    """

    channels: int
    height: int
    width: int
    uniform: bool
    classes: tuple[str, ...]
    examples: int
    kinds: Kinds = field(default_factory=lambda: {"class": ClassNumbers})
    dataset: str = ""
    description: str = ""
    noise: str = ""
    tasks: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: Dataset, training: NDArray[np.int64]) -> DataFacts:
        """Look at the targets, and at a few images spread over the training part."""
        sizes: Counter[tuple[int, int]] = Counter()
        reason: ImageError | None = None
        for index in training[np.linspace(0, len(training) - 1, PROBES).astype(int)]:
            try:
                height, width = dataset.read(int(index)).shape[:2]
                sizes[height, width] += 1
            except ImageError as error:
                reason = error
        if not sizes:
            raise DataError(
                f"none of {PROBES} images could be read; the last: {reason}",
                where=dataset.name,
                remedy="`vitreous check` lists what is wrong with each file.",
            )
        (height, width), _ = sizes.most_common(1)[0]
        columns = dataset.targets.items()
        headers = (name for key, column in columns for name in column.header(key))
        quantities = tuple(bare(name) or name for name in headers)
        return cls(
            dataset.channels,
            height,
            width,
            len(sizes) == 1,
            dataset.classes or quantities,
            len(training),
            {name: type(column) for name, column in dataset.targets.items()},
            dataset.name,
            described({name: column.take(training) for name, column in dataset.targets.items()}),
            dataset.noise,
            tuple(fitting(dataset.targets)),
        )

    @property
    def fitting(self) -> tuple[str, ...]:
        """The tasks, as far as the kinds of the columns tell where nothing else is known."""
        return self.tasks or tuple(recognized(self.kinds))

    @property
    def small(self) -> bool:
        return self.uniform and max(self.height, self.width) <= SMALL

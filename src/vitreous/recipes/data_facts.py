"""Data statistics that the automatic defaults depend on, and whether there is anything to learn."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Dataset
from vitreous.errors import DataError, ImageError

SMALL = 64  # pixels; up to here images are learned from scratch at their own size
TINY = 16  # pixels; smaller ones are enlarged to this, or too little is left of their last map
PROBES = 24  # images that are opened to learn the usual size


@dataclass(frozen=True)
class Facts:
    """What the choices depend on.

    height, width  the usual size of an image, in pixels
    uniform        whether all probed images have that size
    examples       number of training images
    dataset        its name, which may tell what the pictures are
    """

    channels: int
    height: int
    width: int
    uniform: bool
    classes: tuple[str, ...]
    examples: int
    multilabel: bool
    dataset: str = ""

    @classmethod
    def of(cls, dataset: Dataset, training: NDArray[np.int64]) -> Facts:
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
        return cls(
            dataset.channels,
            height,
            width,
            len(sizes) == 1,
            dataset.classes,
            len(training),
            dataset.multilabel,
            dataset.name,
        )

    @property
    def small(self) -> bool:
        return self.uniform and max(self.height, self.width) <= SMALL


def check_trainable(dataset: Dataset, training: NDArray[np.int64], found: str) -> None:
    """Raises DataError where there is nothing to learn, and says what is missing.

    training  row numbers
    found     what there is instead, in words
    """
    if not len(training):
        raise DataError(
            f"there is no image to train on; {found}",
            where=dataset.name,
            remedy="Put images into one folder a class, or into train/CLASS/.",
        )
    if dataset.multilabel:
        return
    present = np.unique(dataset.targets[training])
    if len(present) < 2:
        raise DataError(
            f"all {len(training):,} training images are of the class "
            f"'{dataset.classes[present[0]]}': there is nothing to tell apart; {found}",
            where=dataset.name,
            remedy="Add images of at least one more class.",
        )

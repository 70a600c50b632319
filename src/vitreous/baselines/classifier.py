"""Classifiers that learn in one go: what they have in common.

A classifier is a module from features (B, D) to scores (B, L), of which the softmax is a
probability. What it has learned is tensors, whose sizes follow from the data: `sizes` tells them,
so that the same tensors can be loaded again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.errors import ModelFileError


@dataclass(frozen=True)
class Examples:
    """What is learned from.

    features  (N, D) float32, on one scale: see `baselines.descriptor`
    labels    (N,) class numbers
    weights   (N,) how much each example counts
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]


class Classifier(nn.Module):
    """Features (B, D) to scores (B, L).

    SIZES    how many numbers `sizes` has
    library  needs scikit-learn to learn; to answer none does
    """

    SIZES: ClassVar[int] = 0
    library: ClassVar[bool] = True

    def learn(self, examples: Examples, *, seed: int, threads: int) -> None:
        """Take everything from the training examples."""
        raise NotImplementedError

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the tensors that have been learned; the constructor takes them again."""
        return ()

    def sound(self) -> bool:
        """Do whole numbers that point at others point at some that are there?"""
        return True

    def scores(self, features: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, features: Tensor) -> Tensor:
        return self.scores(features)


def within(numbers: Tensor, limit: int) -> bool:
    """Are all of them places of a table with `limit` rows?"""
    return bool(((numbers >= 0) & (numbers < limit)).all())


def check_sound(classifier: Classifier) -> None:
    """Raises ModelFileError for a classifier whose tensors contradict each other."""
    if not classifier.sound():
        raise ModelFileError(
            f"the tensors of its {type(classifier).__name__} point at places that there are not",
            remedy="Copy the file again, or save it anew from its run folder.",
        )

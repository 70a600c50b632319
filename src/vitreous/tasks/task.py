"""What a target is, and all that follows from it: head, loss, probabilities, scores, decoding.

The loop, the run and the command line know none of this. What training chooses (a loss, its
smoothing, the weights of classes) are fields of a task; what a trained network needs are static
methods, since they must not depend on how it was trained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vitreous.errors import UsageError, unknown
from vitreous.metrics.scores import Scores
from vitreous.shapes import Labels, Logits
from vitreous.tasks.prediction import Prediction


@dataclass(frozen=True, kw_only=True, eq=False)
class Task(ABC):
    """A kind of question about an image.

    criterion  name of the loss, a key of LOSSES; the first one is the default
    smoothing  share of each target that is spread evenly over the possible answers
    balance    (L,) factors on classes, or on the presence of labels, against rare ones
    """

    name: ClassVar[str]
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]]

    criterion: str = "cross_entropy"
    smoothing: float = 0.0
    balance: Tensor | None = None

    def __post_init__(self) -> None:
        if self.criterion not in self.LOSSES:
            raise unknown("loss", self.criterion, self.LOSSES, where="--loss")
        if self.smoothing and self.criterion == "hinge":
            raise UsageError(
                "the hinge loss has no probabilities to smooth",
                where="--label-smoothing",
                remedy="Leave it out, or choose --loss cross_entropy.",
            )

    @abstractmethod
    def loss(self, logits: Logits, targets: Labels) -> Tensor:
        """(B,) the loss of each example."""

    @staticmethod
    @abstractmethod
    def encode(targets: ArrayLike) -> Labels:
        """Targets of a data set to those of the loss."""

    @staticmethod
    @abstractmethod
    def outputs(classes: Sequence[str]) -> int:
        """How many numbers the network's last layer gives."""

    @staticmethod
    @abstractmethod
    def explain(classes: Sequence[str]) -> str:
        """Which head and loss fit, and why, in one sentence."""

    @staticmethod
    @abstractmethod
    def probabilities(logits: Logits) -> Tensor:
        """(B, L) in [0, 1]."""

    @staticmethod
    @abstractmethod
    def thresholds(
        probabilities: NDArray[np.float64], targets: ArrayLike
    ) -> tuple[float, ...] | None:
        """The probability from which each label applies, chosen on validation data; None where
        the most probable answer is taken.
        """

    @staticmethod
    @abstractmethod
    def scores(
        probabilities: NDArray[np.float64],
        targets: ArrayLike,
        classes: Sequence[str],
        thresholds: Sequence[float] | None = None,
    ) -> Scores:
        """What the answers are worth; see `vitreous.metrics.scores`."""

    @staticmethod
    @abstractmethod
    def decode(
        probabilities: NDArray[np.float64],
        classes: Sequence[str],
        top: int = 5,
        thresholds: Sequence[float] | None = None,
    ) -> list[Prediction]:
        """Probabilities (B, L) to one answer an image, with the `top` most probable names."""


def ranked(
    row: NDArray[np.float64], classes: Sequence[str], top: int
) -> tuple[tuple[str, float], ...]:
    """The most probable classes of one image; of equally probable ones the first comes first."""
    order = np.argsort(-row, kind="stable")[:top]
    return tuple((classes[c], float(row[c])) for c in order)

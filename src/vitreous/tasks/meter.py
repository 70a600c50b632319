"""Meters: what an evaluation keeps of each batch, so that scores come from all examples exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class Meter(Protocol):
    """Takes in batch after batch; two that have seen different examples can be joined."""

    def __len__(self) -> int:
        """Examples seen."""

    def add(self, outputs: Any, targets: Mapping[str, Any]) -> None:
        """Take in what the network gave for a batch, and what is true."""

    def merge(self, other: Self) -> None:
        """Take in all that another meter has seen."""


class Table:
    """A row of numbers for each example, answer beside truth: (N, K) and (N, ...).

    read  from a network's outputs (B, K) to the numbers that are kept, such as probabilities
    name  of the column of targets that holds the truth
    """

    def __init__(self, read: Callable[[Tensor], Tensor], name: str):
        self.read, self.name = read, name
        self._answers: list[NDArray[np.float64]] = []
        self._truth: list[NDArray[Any]] = []

    def __len__(self) -> int:
        return sum(map(len, self._truth))

    def add(self, outputs: Tensor, targets: Mapping[str, Any]) -> None:
        self._answers.append(self.read(outputs).double().cpu().numpy())
        self._truth.append(targets[self.name].cpu().numpy())

    def merge(self, other: Self) -> None:
        self._answers += other._answers
        self._truth += other._truth

    @property
    def answers(self) -> NDArray[np.float64]:
        return np.concatenate(self._answers)

    @property
    def truth(self) -> NDArray[Any]:
        return np.concatenate(self._truth)


class ScoredMaps:
    """The scores of each image (N, S), and the sum of the losses; no map is kept.

    scored  from outputs and targets of a batch to losses (B,) and scores (B, S)
    """

    def __init__(
        self, scored: Callable[[Tensor, Mapping[str, Any]], tuple[Tensor, NDArray[np.float64]]]
    ):
        self.scored, self.loss = scored, 0.0
        self._images: list[NDArray[np.float64]] = []

    def __len__(self) -> int:
        return sum(map(len, self._images))

    def add(self, outputs: Tensor, targets: Mapping[str, Any]) -> None:
        losses, scores = self.scored(outputs.detach(), targets)
        self.loss += float(losses.double().sum())
        self._images.append(scores)

    def merge(self, other: Self) -> None:
        self.loss += other.loss
        self._images += other._images

    @property
    def images(self) -> NDArray[np.float64]:
        return np.concatenate(self._images)

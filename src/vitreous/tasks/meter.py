"""Meters: what an evaluation keeps of each batch, so that scores come from all examples exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vitreous.distributed import Ranks


class Meter(Protocol):
    """Takes in batch after batch; two that have seen different examples can be joined."""

    def __len__(self) -> int:
        """Examples seen."""

    def add(self, outputs: Any, targets: Mapping[str, Any]) -> None:
        """Take in what the network gave for a batch, and what is true."""

    def merge(self, other: Self) -> None:
        """Take in all that another meter has seen."""


M = TypeVar("M", bound=Meter)


def joined(empty: M, meters: Iterable[M], ranks: Ranks) -> M:
    """One that has seen all that these meters of all processes have, in the order of the ranks.

    empty  of the same kind; what it is made with, such as functions, is not sent to others
    """
    if ranks.size > 1:
        meters = [filled(empty, seen) for seen in ranks.gathered([kept(m, empty) for m in meters])]
    for meter in meters:
        empty.merge(meter)
    return empty


def kept(meter: Meter, empty: Meter) -> dict[str, Any]:
    """What a meter has seen, by name, as plain values."""
    made_with = vars(empty)
    return {
        name: value
        for name, value in vars(meter).items()
        if value is not made_with.get(name) and not callable(value)
    }


def filled(empty: M, seen: Mapping[str, Any]) -> M:
    """The meter of which `seen` was told."""
    made = copy(empty)
    vars(made).update(seen)
    return made


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
        if len(self._answers) != 1:  # put together once: of many classes they are a gigabyte
            self._answers = [np.concatenate(self._answers)]
        return self._answers[0]

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

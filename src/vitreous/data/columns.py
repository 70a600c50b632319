"""Targets as columns: what stands beside each image, and how it moves when the image does.

A column holds one target for each of N examples. There are four kinds, by their geometry: values do
not move (class numbers, marks, real numbers), maps lie over the image pixel by pixel, boxes and
points lie in its coordinates. Splits, packs, batches and augmentations know these kinds and nothing
else; what a target means is a task's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.errors import UsageError

Ids = NDArray[np.int64]
Targets = dict[str, "Tensor | list[Tensor]"]
"""The targets of one batch by the name of their column, as a loss takes them."""


class Column(ABC):
    """One target for each of N examples.

    moves    does it lie in the image, so that it has to follow every crop and turn?
    mixes    can two of them be blended, as mixup asks?
    classes  names of the classes that it tells apart, if it does
    """

    moves: ClassVar[bool] = False
    mixes: ClassVar[bool] = False
    classes: tuple[str, ...] = ()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, ids: Ids) -> Self:
        """The column of these rows alone."""

    @abstractmethod
    def content(self) -> bytes:
        """Bytes that change whenever a target does: a part of the data set's fingerprint."""

    @abstractmethod
    def gather(self, ids: Ids) -> Any:
        """The targets of these rows, before they are moved."""

    @abstractmethod
    def text(self, index: int) -> str:
        """One target as a person would write it."""

    @abstractmethod
    def header(self, name: str) -> list[str]:
        """The names of its columns in a manifest; `name` is its own in the data set."""

    @abstractmethod
    def cells(self, index: int) -> list[str]:
        """One target, a cell for each name in `header`."""

    def tensors(self, values: Any, device: torch.device) -> Tensor | list[Tensor]:
        """What `gather` gave, perhaps moved, as a loss takes it."""
        return torch.from_numpy(values).to(device)

    def batch(self, ids: Ids, device: str | torch.device = "cpu") -> Tensor | list[Tensor]:
        """The targets of these rows as a loss takes them, unmoved."""
        return self.tensors(self.gather(ids), torch.device(device))

    def strata(self) -> tuple[Ids, Ids]:
        """(M,) rows and (M,) numbers of the strata that they belong to: what every part of a split
        should show. A row may be in several strata, or in none. All rows are alike by default.
        """
        return np.arange(len(self)), np.zeros(len(self), np.int64)

    def counts(self) -> Ids | None:
        """(L,) examples of each class; None for what knows no classes."""
        if not self.classes:
            return None
        return np.bincount(self.strata()[1], minlength=len(self.classes))

    @property
    def exclusive(self) -> Ids | None:
        """(N,) the one class of each example; None where there may be several or none."""
        return None

    def soft(self, targets: Tensor) -> Tensor:
        """Targets of a batch in the form in which two can be blended, (B, L) float32."""
        raise UsageError(
            "such targets cannot be blended",
            where="--mixup, --cutmix",
            remedy="Leave these out.",
        )


class Values(Column):
    """Targets that stay as they are, whatever happens to the image.

    array  (N,) or (N, K)
    """

    array: NDArray[Any]

    def __len__(self) -> int:
        return len(self.array)

    def content(self) -> bytes:
        return np.ascontiguousarray(self.array).tobytes()

    def gather(self, ids: Ids) -> NDArray[Any]:
        return self.array[ids]


class ClassNumbers(Values):
    """One class an example.

    array    (N,) int64, positions in `classes`
    """

    mixes = True

    def __init__(self, array: NDArray[np.integer[Any]], classes: Sequence[str]):
        self.array: NDArray[np.int64] = np.asarray(array, np.int64)
        self.classes = tuple(classes)

    def take(self, ids: Ids) -> Self:
        return type(self)(self.array[ids], self.classes)

    def text(self, index: int) -> str:
        return self.classes[int(self.array[index])]

    def header(self, name: str) -> list[str]:
        return ["label"]

    def cells(self, index: int) -> list[str]:
        return [self.text(index)]

    def strata(self) -> tuple[Ids, Ids]:
        return np.arange(len(self)), self.array

    @property
    def exclusive(self) -> Ids:
        return self.array

    def soft(self, targets: Tensor) -> Tensor:
        if targets.is_floating_point():  # blended before
            return targets.to(torch.float32)
        return torch.nn.functional.one_hot(targets, len(self.classes)).to(torch.float32)


class Marks(Values):
    """Any number of labels an example, or none.

    array    (N, L) uint8: 1 where the label of that position in `classes` applies
    """

    mixes = True

    def __init__(self, array: NDArray[np.integer[Any]], classes: Sequence[str]):
        self.array: NDArray[np.uint8] = np.asarray(array, np.uint8)
        self.classes = tuple(classes)

    def take(self, ids: Ids) -> Self:
        return type(self)(self.array[ids], self.classes)

    def names(self, index: int) -> tuple[str, ...]:
        return tuple(self.classes[number] for number in np.flatnonzero(self.array[index]))

    def text(self, index: int) -> str:
        return ", ".join(self.names(index)) or "none"

    def header(self, name: str) -> list[str]:
        return list(self.classes)

    def cells(self, index: int) -> list[str]:
        return [str(mark) for mark in self.array[index].tolist()]

    def tensors(self, values: Any, device: torch.device) -> Tensor:
        return torch.from_numpy(values).to(device).to(torch.float32)

    def strata(self) -> tuple[Ids, Ids]:
        rows, labels = np.nonzero(self.array)
        return rows, labels

    def soft(self, targets: Tensor) -> Tensor:
        return targets.to(torch.float32)


class Numbers(Values):
    """Real numbers, one or several an example.

    array  (N, K) float32
    names  of the K quantities, such as "age" or "width"
    """

    def __init__(self, array: NDArray[Any], names: Sequence[str]):
        table = np.asarray(array, np.float32)
        self.array: NDArray[np.float32] = table.reshape(len(table), len(names))
        self.names = tuple(names)

    def take(self, ids: Ids) -> Self:
        return type(self)(self.array[ids], self.names)

    def text(self, index: int) -> str:
        values = [f"{value:.6g}" for value in self.array[index].tolist()]
        if len(values) == 1:
            return values[0]
        return ", ".join(f"{n} {v}" for n, v in zip(self.names, values, strict=True))

    def header(self, name: str) -> list[str]:
        return list(self.names)

    def cells(self, index: int) -> list[str]:
        return [f"{value:.9g}" for value in self.array[index].tolist()]  # float32, exactly


class Changes(Protocol):
    """How the images of a batch are moved, for what moves along; `augment.Changes` is one."""

    def maps(self, maps: NDArray[Any], *, nearest: bool, fill: float) -> NDArray[Any]: ...
    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def boxes(self, boxes: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]: ...

"""Targets as columns: what stands beside each image, and how it moves when the image does.

A column holds one target for each of N examples. There are four kinds, by their geometry: values do
not move (class numbers, marks, real numbers), maps lie over the image pixel by pixel, boxes and
points lie in its coordinates. Splits, packs, batches and augmentations know these kinds and nothing
else; what a target means is a task's business.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from vitreous.data.manifest_words import header_cell, label_cell
from vitreous.data.rounded import rounded
from vitreous.errors import DataError, UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Ids = NDArray[np.int64]
Targets = dict[str, "Tensor | list[Tensor]"]
"""The targets of one batch by the name of their column, as a loss takes them."""


class Changes(Protocol):
    """How the images of a batch are moved, for what moves along; `augment.Changes` is one.

    maps      (B, h, w) to (B, H, W)
    points    (B, P, 2) to (B, P, 2), of which some may now lie outside
    boxes     (n, 4) for each image to as many, which may reach beyond the edges
    size      height and width of the results
    mirrored  (B,) which images now show left as right
    """

    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def mirrored(self) -> NDArray[np.bool_]: ...
    def maps(self, maps: NDArray[Any], *, nearest: bool, fill: float) -> NDArray[Any]: ...
    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def boxes(self, boxes: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]: ...


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
    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        """One target, a cell for each name in `header`.

        folder  to which paths are relative; None: they stay as they are
        """

    def value(self, index: int) -> Any:
        """One target as a program would hold it, a copy."""
        return self.gather(np.array([index]))[0]

    @property
    def mirrors(self) -> bool:
        """Is it known what a target becomes in a mirror?"""
        return True

    @property
    def empty(self) -> bool:
        """Do all targets say nothing, so that no answer can be held against them?"""
        return self.moves and not len(self.strata()[0])

    def moved(self, values: Any, changes: Changes) -> Any:
        """What `gather` gave, moved with the images of its batch."""
        return values

    def joined(self, pieces: Sequence[Any]) -> Any:
        """What several calls of `gather` gave, as one would have given it."""
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def tensors(self, values: Any, device: torch.device) -> Tensor | list[Tensor]:
        """What `gather` gave, perhaps moved, as a loss takes it."""
        import torch

        return torch.from_numpy(values).to(device)

    def contradict(self, one: int, other: int) -> bool:
        """Must the target of one of two images that look alike be wrong? What lies in an image
        moves a little where the image does, as from one frame of a film to the next.
        """
        return not self.moves and not np.array_equal(self.value(one), self.value(other))

    def example(self, target: Tensor) -> NDArray[Any]:
        """One target of what `tensors` gave, as `value` holds it."""
        return target.cpu().numpy()

    def batch(self, ids: Ids, device: str | torch.device = "cpu") -> Tensor | list[Tensor]:
        """The targets of these rows as a loss takes them, unmoved."""
        import torch

        return self.tensors(self.gather(ids), torch.device(device))

    def strata(self) -> tuple[Ids, Ids]:
        """(M,) rows and (M,) numbers of the strata that they belong to: what every part of a split
        should show. A row may be in several strata, or in none. All rows are alike by default.
        """
        return np.arange(len(self)), np.zeros(len(self), np.int64)

    def counts(self) -> Ids | None:
        """(L,) examples that show each class; None for what knows no classes."""
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

    def blend(self, targets: Any, partners: Tensor, share: float) -> Tensor:
        """`share` of each target of a batch, and the rest of its partner's, (B, L) float32.

        partners  (B,) int64: positions in the batch
        """
        import torch

        soft = self.soft(targets)
        return torch.lerp(soft[partners], soft, share)


def classed(targets: Mapping[str, Column]) -> Column | None:
    """The first column that tells classes apart, if there is one."""
    return next((column for column in targets.values() if column.classes), None)


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

    def value(self, index: int) -> Any:
        return self.array[index].copy()


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

    def marks(self) -> Marks:
        """The same labels as marks, exactly one an image."""
        return Marks(np.equal.outer(self.array, np.arange(len(self.classes))), self.classes)

    def value(self, index: int) -> int:
        return int(self.array[index])

    def text(self, index: int) -> str:
        return self.classes[int(self.array[index])]

    def header(self, name: str) -> list[str]:
        return ["label"]

    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        return [label_cell(self.text(index))]

    def strata(self) -> tuple[Ids, Ids]:
        return np.arange(len(self)), self.array

    @property
    def exclusive(self) -> Ids:
        return self.array

    def soft(self, targets: Tensor) -> Tensor:
        import torch

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

    def one_each(self) -> ClassNumbers | None:
        """The same labels as class numbers, if each image has exactly one."""
        one = bool((self.array.sum(axis=1) == 1).all())
        return ClassNumbers(self.array.argmax(axis=1), self.classes) if one else None

    def names(self, index: int) -> tuple[str, ...]:
        return tuple(self.classes[number] for number in np.flatnonzero(self.array[index]))

    def text(self, index: int) -> str:
        return ", ".join(self.names(index)) or "none"

    def header(self, name: str) -> list[str]:
        return [*map(header_cell, self.classes)]

    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        return [str(mark) for mark in self.array[index].tolist()]

    def tensors(self, values: Any, device: torch.device) -> Tensor:
        import torch

        return torch.from_numpy(values).to(device).to(torch.float32)

    def strata(self) -> tuple[Ids, Ids]:
        rows, labels = np.nonzero(self.array)
        return rows, labels

    def soft(self, targets: Tensor) -> Tensor:
        import torch

        return targets.to(torch.float32)


class Numbers(Values):
    """Real numbers, one or several an example.

    array  (N, K) float32
    names  of the K quantities, such as "age" or "width"

    Raises DataError for numbers that float32 does not hold (see `rounded`), and for two quantities
    of one name.
    """

    def __init__(self, array: NDArray[Any], names: Sequence[str]):
        self.names = tuple(names)
        if twins := [name for name, count in Counter(names).items() if count > 1]:
            raise DataError(f"two quantities are called '{twins[0]}'", remedy="Rename one.")
        self.array = rounded(np.reshape(array, (len(array), len(names))), self.names)

    def take(self, ids: Ids) -> Self:
        return type(self)(self.array[ids], self.names)

    def text(self, index: int) -> str:
        values = [f"{value:.6g}" for value in self.array[index].tolist()]
        if len(values) == 1:
            return values[0]
        return ", ".join(f"{n} {v}" for n, v in zip(self.names, values, strict=True))

    def header(self, name: str) -> list[str]:
        if self.names == ("label",) and (self.array != np.rint(self.array)).any():
            return ["label"]  # of which some are not whole: it is read as numbers again
        return [*map(header_cell, self.names)]

    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        values = self.array[index].tolist()
        if self._are_marks:  # 1.0 would be read as a mark, 1e0 is a number
            return [f"{value:.0f}e0" for value in values]
        return [exact(value) for value in values]

    @cached_property
    def _are_marks(self) -> bool:
        return len(self.names) > 1 and bool(np.isin(self.array, (0, 1)).all())


def exact(value: float) -> str:
    """A float32 in as many digits as bring it back, and always as a real number: 1.0, not 1."""
    text = f"{value:.9g}"
    return text if not math.isfinite(value) or set(text) & set(".e") else f"{text}.0"

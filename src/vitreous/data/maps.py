"""Maps: masks and other targets that lie over the image, one value for each of its pixels."""

from __future__ import annotations

import hashlib
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitreous.data.columns import Changes, Column, Ids
from vitreous.data.images.frame import Frame
from vitreous.data.parted_rows import PartedRows
from vitreous.errors import DataError, ImageError, ShapeError
from vitreous.formats import counted, percent

if TYPE_CHECKING:
    import torch
    from torch import Tensor

VALUES = 256  # that a byte can hold
IGNORED = 255  # the number that masks give to pixels that count nowhere
ALIKE = 0.5  # share of the pixels of two masks that agree, from which they may both be right

# What is known of one map of bytes: height and width, and the pixels of each value.
SUMMARY = np.dtype([("size", "<i4", 2), ("counts", "<u4", VALUES)])


class MapRows(ABC):
    """N maps that can be read one by one."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, index: int) -> NDArray[Any]:
        """One map as it is stored, (h, w) or (h, w, K). Raises ImageError with its name."""

    @abstractmethod
    def stamp(self, index: int) -> bytes:
        """Bytes that change whenever the map may have; cheap to get."""

    def digest(self, index: int) -> bytes:
        """Bytes that identify the content of a map."""
        return self.stamp(index)

    def rules(self) -> bytes:
        """Bytes that tell how what is stored becomes numbers of classes."""
        return b""

    def source(self, index: int) -> str | None:
        """The path of a map that lies in a file."""
        return None

    def stored_as(self, number: int) -> str:
        """What stands in the files for this class number, "" where there are none."""
        return ""

    def take(self, ids: Ids) -> MapRows:
        return Chosen(self, ids)

    def cell(self, index: int, classes: Sequence[str], folder: str | Path | None) -> str:
        """One map as a cell of a manifest in this folder: the path of its file, if it has one."""
        path = self.source(index) or ""
        if path and folder is not None:
            path = os.path.relpath(os.path.abspath(path), os.path.abspath(folder))
        return path

    def gather(self, ids: Ids) -> NDArray[Any]:
        """The maps of these rows, (B, h, w[, K]). Raises ShapeError where they differ in size."""
        read = [self.read(index) for index in np.asarray(ids).tolist()]
        if len({each.shape for each in read}) > 1:
            raise ShapeError(
                "maps of several sizes in one batch",
                remedy="Pack them first: that brings all into one window.",
            )
        return np.stack(read)

    def scan(self) -> NDArray[np.void]:
        """(N,) of `SUMMARY`; zeros for maps that cannot be read."""
        summaries = np.zeros(len(self), SUMMARY)
        for index in range(len(self)):
            try:
                summaries[index] = summary(self.read(index))
            except ImageError:
                continue  # it is named when it is packed
        return summaries


class MapArray(MapRows):
    """Maps of one size that lie in memory, or in a file that is mapped: (N, H, W[, K])."""

    def __init__(self, array: NDArray[Any] | PartedRows):
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def read(self, index: int) -> NDArray[Any]:
        return np.asarray(self.array[index])

    def stamp(self, index: int) -> bytes:
        return hashlib.blake2b(self.array[index].tobytes(), digest_size=16).digest()

    def take(self, ids: Ids) -> MapArray:
        return MapArray(self.array[ids])

    def gather(self, ids: Ids) -> NDArray[Any]:
        if isinstance(self.array, PartedRows):
            return self.array[ids]
        # Without Python's lock, which a slow disk would hold.
        return np.take(self.array, ids, axis=0)


class Chosen(MapRows):
    """Some of the maps, in an order of their own."""

    def __init__(self, rows: MapRows, ids: Ids):
        self.rows, self.ids = rows, np.asarray(ids, np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, index: int) -> NDArray[Any]:
        return self.rows.read(int(self.ids[index]))

    def stamp(self, index: int) -> bytes:
        return self.rows.stamp(int(self.ids[index]))

    def digest(self, index: int) -> bytes:
        return self.rows.digest(int(self.ids[index]))

    def rules(self) -> bytes:
        return self.rows.rules()

    def stored_as(self, number: int) -> str:
        return self.rows.stored_as(number)

    def source(self, index: int) -> str | None:
        return self.rows.source(int(self.ids[index]))

    def cell(self, index: int, classes: Sequence[str], folder: str | Path | None) -> str:
        return self.rows.cell(int(self.ids[index]), classes, folder)

    def scan(self) -> NDArray[np.void]:
        return np.asarray(self.rows.scan()[self.ids])


class Maps(Column):
    """One map an example: the class of each pixel, or a real number or several for each.

    rows           where they are read from; an array (N, H, W) will do, or (N, H, W, K)
    classes        names of the class numbers; empty for real numbers
    interpolation  nearest for class numbers, uint8; linear for real numbers, float32
    ignore         the number of pixels that count nowhere, in losses as in scores. What a crop or
                   a turn brings in from outside has it, too; None: that becomes class 0.
                   In maps of real numbers such pixels are NaN
    channels       K real numbers for each pixel, such as the three of a clean picture; None: one,
                   without an axis of its own

    Raises DataError for more classes than a byte can number.
    """

    moves = True

    def __init__(
        self,
        rows: MapRows | NDArray[Any] | PartedRows,
        classes: Sequence[str] = (),
        *,
        interpolation: Literal["nearest", "linear"] = "nearest",
        ignore: int | None = IGNORED,
        channels: int | None = None,
    ):
        self.rows = MapArray(rows) if isinstance(rows, np.ndarray | PartedRows) else rows
        self.classes, self.interpolation, self.ignore = tuple(classes), interpolation, ignore
        self.channels = channels
        most = VALUES if ignore is None else VALUES - 1
        if len(self.classes) > most:
            raise DataError(
                f"masks of {len(self.classes):,} classes",
                remedy=f"At most {most} classes have numbers that fit into a byte.",
            )

    @property
    def nearest(self) -> bool:
        return self.interpolation == "nearest"

    @property
    def fill(self) -> float:
        """The value of what lies outside of the image."""
        return float(self.ignore or 0) if self.nearest else math.nan

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8 if self.nearest else np.float32)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width, if all have the same because they lie in an array."""
        if not isinstance(self.rows, MapArray):
            return None
        height, width = self.rows.array.shape[1:3]
        return height, width

    def shape(self, height: int, width: int) -> tuple[int, ...]:
        """The shape of a map of this height and width."""
        return (height, width) if self.channels is None else (height, width, self.channels)

    def over(self, rows: MapRows | NDArray[Any] | PartedRows) -> Self:
        """Maps of the same kind in other rows, such as those of a pack."""
        return type(self)(
            rows,
            self.classes,
            interpolation=self.interpolation,
            ignore=self.ignore,
            channels=self.channels,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int) -> NDArray[Any]:
        """One map as it is stored, (h, w[, K]). Raises ImageError with its name."""
        return np.asarray(self.rows.read(index), self.dtype)

    def row(self, index: int, frame: Frame) -> NDArray[Any]:
        """One map in the network's window, (H, W[, K]).

        Raises ImageError where it has another size than its image, or a class without a name.
        """
        array = self.read(index)
        if array.shape[:2] != tuple(frame.source):
            (height, width), (tall, wide) = array.shape[:2], frame.source
            raise ImageError(
                f"has {width} × {height} pixels, its image {wide} × {tall}",
                where=self.source(index),
                remedy="Bring mask and image to one size.",
            )
        if self.classes:
            self._check(array, index)
        return frame.map(array, nearest=self.nearest, fill=self.fill)

    def _check(self, array: NDArray[Any], index: int) -> None:
        counts = histogram(array)
        counts[: len(self.classes)] = 0
        if self.ignore is not None:
            counts[self.ignore] = 0
        if counts.any():
            raise ImageError(
                f"has pixels of class {np.flatnonzero(counts)[0]}, but there are "
                f"{counted(len(self.classes), 'class')}, from 0 on",
                where=self.source(index),
                remedy="Name all classes in classes.txt, or repair the mask.",
            )

    def source(self, index: int) -> str | None:
        """The path of a map that lies in a file."""
        return self.rows.source(index)

    def stamp(self, index: int) -> bytes:
        """Bytes that change whenever the map may have."""
        return self.rows.stamp(index)

    def take(self, ids: Ids) -> Self:
        return self.over(self.rows.take(ids))

    def content(self) -> bytes:
        state = hashlib.blake2b(digest_size=16)
        for index in range(len(self)):
            state.update(self.rows.digest(index))
        return state.digest()

    def gather(self, ids: Ids) -> NDArray[Any]:
        return self.rows.gather(ids).astype(self.dtype, copy=False)

    def moved(self, values: NDArray[Any], changes: Changes) -> NDArray[Any]:
        return changes.maps(values, nearest=self.nearest, fill=self.fill)

    def tensors(self, values: Any, device: torch.device) -> Tensor:
        """(B, H, W) int64 class numbers, or float32; (B, K, H, W) where there are K of them."""
        import torch

        tensor = torch.from_numpy(values).to(device)
        if self.channels is not None:
            tensor = tensor.permute(0, 3, 1, 2).contiguous()
        return tensor.to(torch.int64) if self.nearest else tensor

    def contradict(self, one: int, other: int) -> bool:
        """Do two masks differ in most of their pixels?"""
        first, second = self.value(one), self.value(other)
        if not self.classes or first.shape != second.shape:
            return False
        known = (first != self.ignore) & (second != self.ignore)
        return bool(known.any() and (first == second)[known].mean() < ALIKE)

    def example(self, target: Tensor) -> NDArray[Any]:
        array = super().example(target)
        return array if self.channels is None else np.moveaxis(array, 0, -1)

    def text(self, index: int) -> str:
        """The classes that it shows, the largest first, with their shares of the pixels."""
        array = self.read(index)
        if not self.classes:
            known = array[np.isfinite(array)]
            return f"{known.min():.4g} to {known.max():.4g}" if len(known) else "nothing known"
        counts = histogram(array)[: len(self.classes)]
        shown = [number for number in np.argsort(-counts, kind="stable") if counts[number]]
        shares = (f"{self.classes[n]} {percent(counts[n] / array.size, 0)}" for n in shown)
        return ", ".join(shares) or "none"

    def header(self, name: str) -> list[str]:
        return [name]

    def cells(self, index: int, folder: str | Path | None = None) -> list[str]:
        return [self.rows.cell(index, self.classes, folder)]

    @cached_property
    def summaries(self) -> NDArray[np.void]:
        """(N,) of `SUMMARY`: the sizes of all maps and their pixels of each number."""
        return self.rows.scan()

    def strata(self) -> tuple[Ids, Ids]:
        """A row belongs to each class of which it shows a pixel."""
        if not self.classes:
            return super().strata()
        rows, numbers = np.nonzero(self.summaries["counts"][:, : len(self.classes)])
        return rows, numbers


def maps_of(targets: Mapping[str, Column]) -> dict[str, Maps]:
    """Those of the columns that are maps."""
    return {name: column for name, column in targets.items() if isinstance(column, Maps)}


def histogram(array: NDArray[Any]) -> NDArray[np.int64]:
    """(256,) pixels of each value."""
    return np.bincount(array.ravel(), minlength=VALUES)


def summary(array: NDArray[Any]) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """A row of `SUMMARY`."""
    return array.shape, histogram(array)

"""Dataset: images that can be read one by one, their targets, and their parts.

A `Dataset` holds its index in a few flat arrays, never a Python list of objects: a million entries
stay below 200 bytes each and forked workers share them. Pixels are read on demand, as bytes.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.columns import Column, classed
from vitreous.data.images.read_file import printable, read_bytes
from vitreous.drawing.notebook import row
from vitreous.errors import UsageError
from vitreous.formats import counted

Pixels = NDArray[np.uint8]  # (H, W, C)
SHOWN = 8  # images of a data set in a notebook
Progress = Callable[[int, int], None]  # is called with how many are done, and of how many


class Part(IntEnum):
    """The three parts of an honest experiment; `UNASSIGNED` waits for `split`."""

    UNASSIGNED = -1
    TRAIN = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True, slots=True)
class Example:
    """One image with its targets.

    image    (H, W, C) uint8
    targets  by the name of their column: a class number, a 0/1 vector (L,) when several labels may
             apply, numbers (K,), a map (H, W), boxes (n, 4) or (n, 5), points (P, 3)
    id       path relative to the data set, or "part/number" for arrays
    """

    image: Pixels
    targets: Mapping[str, Any]
    id: str

    @property
    def target(self) -> Any:
        """The only target. Raises UsageError if there are several, or none."""
        if len(self.targets) != 1:
            names = ", ".join(self.targets) or "none"
            raise UsageError(
                f"{self.id} has these targets: {names}", remedy="Take one by name from `targets`."
            )
        return next(iter(self.targets.values()))


class Dataset(ABC):
    """Images, targets and names. Subclasses say how one image is identified and read.

    name      a short name for run folders and reports
    channels  number of channels that `read` returns
    targets   columns by name: "class" for class numbers and for marks, "value" for numbers,
              "mask", "box", "dot", "point", "depth", "clean"; none where images are not labeled
    parts     (N,) int8 of `Part`: the part that the layout prescribes, else UNASSIGNED
    groups    (N,) int64, or None: examples of one group (a patient, a scene) stay in one part
    weights   (N,) float32, or None: importance of each example in the loss
    pixels    (N, H, W, channels) uint8 where all images lie in memory already, else None
    root      the folder, or the address, below which its files lie; None for images in memory
    contents  (N, 16) what `digest` says of each, where that is known already
    notes     what was left out when it was opened or looks odd, in words
    noise     what was done to clean images to make these, such as gaussian:25; "" if nothing was
    alternatives  by the name of a column that is not among the targets: how to open the same data
              with that column, for tasks that are asked for by name
    """

    name: str
    channels: int
    targets: Mapping[str, Column]
    parts: NDArray[np.int8]
    groups: NDArray[np.int64] | None = None
    weights: NDArray[np.float32] | None = None
    pixels: NDArray[np.uint8] | None = None
    root: str | None = None
    contents: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()
    noise: str = ""
    alternatives: Mapping[str, Callable[[], Dataset]] = MappingProxyType({})

    @abstractmethod
    def id(self, index: int) -> str:
        """The stable, human-readable name of an example."""

    @abstractmethod
    def read(self, index: int, at_least: int = 0) -> Pixels:
        """The decoded image, (H, W, channels) uint8. Raises ImageError with path and reason.

        at_least  if positive, a JPEG may be decoded at 1/2, 1/4 or 1/8 scale, as long as its
                  shorter side stays this many pixels or more; 0 decodes at full size
        """

    @abstractmethod
    def digest(self, index: int) -> bytes:
        """16 bytes that identify the content (not the name) of an example. Raises ImageError."""

    def stamp(self, index: int) -> bytes:
        """Bytes that change whenever the content may have: for a file, its size, times and number.

        Asked of every example before a cached pack is used, so it should cost less than decoding.
        This default does not: every image is read. Where images have no size and time of their own,
        that is the price of noticing a change.
        """
        return self.digest(index)

    def source(self, index: int) -> str | None:
        """The path of an image that lies in a file of its own."""
        return None

    def encoded(self, index: int) -> bytes | None:
        """An image as it is stored, in a file or in a part of one; None where it has no such form.
        Raises ImageError.
        """
        source = self.source(index)
        return None if source is None else read_bytes(source)

    def place(self, index: int) -> str:
        """Where an image lies, for a person: the path of its file, or else its id."""
        return printable(self.source(index) or self.id(index))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that its first column with classes tells apart; () without one."""
        column = classed(self.targets)
        return column.classes if column else ()

    def text(self, index: int) -> str:
        """The targets of an example as a person would write them; "" where there are none."""
        return "; ".join(column.text(index) for column in self.targets.values())

    def __repr__(self) -> str:
        counts = ((part, int((self.parts == part).sum())) for part in Part)
        parts = ", ".join(f"{part.name.lower()} {count:,}" for part, count in counts if count)
        columns = ", ".join(self.targets) or "no targets"
        return (
            f"{type(self).__name__}({self.name!r}, {counted(len(self), 'image')} of "
            f"{counted(self.channels, 'channel')}: {columns}; {parts or 'empty'})"
        )

    def _repr_html_(self) -> str:
        """Some of its images with their targets, for a notebook."""
        some = np.linspace(0, len(self) - 1, min(len(self), SHOWN)).astype(int)
        return row(repr(self), ((self.read(i, 224), self.text(i)) for i in map(int, some)))

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> Example:
        if not -len(self) <= index < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        index %= len(self)
        targets = {name: column.value(index) for name, column in self.targets.items()}
        return Example(self.read(index), targets, self.id(index))

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    @cached_property
    def fingerprint(self) -> str:
        """A hash over names, targets and class names: what a run was trained on."""
        state = hashlib.blake2b(digest_size=16)
        state.update("\0".join(self.classes).encode("utf-8", "surrogateescape"))
        for column in self.targets.values():
            state.update(column.content())
        for index in range(len(self)):
            state.update(self.id(index).encode("utf-8", "surrogateescape") + b"\0")
        return state.hexdigest()

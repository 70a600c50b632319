"""What a data set is: images that can be read one by one, their targets, and their parts.

A `Dataset` holds its index in a few flat arrays, never a Python list of objects: a million entries
stay below 200 bytes each and forked workers share them. Pixels are read on demand, as bytes.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, C)
Progress = Callable[[int, int], None]  # is called with how many are done, and of how many


class Part(IntEnum):
    """The three parts of an honest experiment; `UNASSIGNED` waits for `split`."""

    UNASSIGNED = -1
    TRAIN = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True, slots=True)
class Example:
    """One image with its answer.

    image   (H, W, C) uint8
    target  class number, or a 0/1 vector (L,) when several labels may apply
    id      path relative to the data set, or "part/number" for arrays
    """

    image: Pixels
    target: int | NDArray[np.uint8]
    id: str


class Dataset(ABC):
    """Images, targets and names. Subclasses say how one image is identified and read.

    name      a short name for run folders and reports
    classes   class names; a target is a position in this tuple
    channels  number of channels that `read` returns
    targets   (N,) int64 class numbers, or (N, L) uint8 for several labels an image
    parts     (N,) int8 of `Part`: the part that the layout prescribes, else UNASSIGNED
    groups    (N,) int64, or None: examples of one group (a patient, a scene) stay in one part
    weights   (N,) float32, or None: importance of each example in the loss
    pixels    (N, H, W, channels) uint8 where all images lie in memory already, else None
    notes     what was left out when it was opened or looks odd, in words
    """

    name: str
    classes: tuple[str, ...]
    channels: int
    targets: NDArray[np.int64] | NDArray[np.uint8]
    parts: NDArray[np.int8]
    groups: NDArray[np.int64] | None = None
    weights: NDArray[np.float32] | None = None
    pixels: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()

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
        """Bytes that change whenever the content may have: for a file, its size and time.

        Asked of every example before a cached pack is used, so it should cost less than decoding.
        This default does not: every image is read. Where images have no size and time of their own,
        that is the price of noticing a change.
        """
        return self.digest(index)

    @property
    def multilabel(self) -> bool:
        return self.targets.ndim == 2

    def labels(self, index: int) -> tuple[str, ...]:
        """The name of an example's class, or those of its labels, which may be none."""
        target = self.targets[index]
        numbers = np.flatnonzero(target).tolist() if self.multilabel else [int(target)]
        return tuple(self.classes[number] for number in numbers)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> Example:
        if not -len(self) <= index < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        index %= len(self)
        target = self.targets[index].copy() if self.multilabel else int(self.targets[index])
        return Example(self.read(index), target, self.id(index))

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    @cached_property
    def fingerprint(self) -> str:
        """A hash over names, targets and class names: what a run was trained on."""
        state = hashlib.blake2b(digest_size=16)
        state.update("\0".join(self.classes).encode("utf-8", "surrogateescape"))
        state.update(np.ascontiguousarray(self.targets).tobytes())
        for index in range(len(self)):
            state.update(self.id(index).encode("utf-8", "surrogateescape") + b"\0")
        return state.hexdigest()


def label_text(dataset: Dataset, index: int) -> str:
    """The true label or labels of an example, written as `Prediction.text` writes them."""
    return ", ".join(dataset.labels(index)) or "none"

"""A compact list of strings: a million names in two flat buffers.

A Python list of strings costs about 100 bytes a name on top of its letters, and every forked worker
that merely looks at one copies the page it lies on. One bytes object and one array of positions
cost 4 bytes a name, and nothing is written when they are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray


class Names(Sequence[str]):
    """File names, in order; bytes that are no UTF-8 survive as the file system's own escapes."""

    __slots__ = ("_ends", "_letters")

    def __init__(self, names: Iterable[str | bytes]):
        letters, ends = bytearray(), []
        chunks = [np.zeros(1, np.int64)]
        for name in names:
            letters += os.fsencode(name)
            ends.append(len(letters))
            if len(ends) == 1 << 16:
                chunks.append(np.array(ends))
                ends.clear()
        chunks.append(np.array(ends, np.int64))
        small = len(letters) < 1 << 32
        self._letters = bytes(letters)
        self._ends = np.concatenate(chunks).astype(np.uint32 if small else np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"name {index} of {len(self)}")
        index %= len(self)
        return os.fsdecode(self._letters[self._ends[index] : self._ends[index + 1]])

    @classmethod
    def of(cls, letters: NDArray[np.uint8], ends: NDArray[Any]) -> Self:
        """Names from their `arrays`. Raises ValueError where these do not fit together."""
        if not len(ends) or ends[0] or ends[-1] != len(letters) or (np.diff(ends) < 0).any():
            raise ValueError("letters and ends do not fit together")
        names = cls.__new__(cls)
        names._letters, names._ends = letters.tobytes(), ends
        return names

    @classmethod
    def joined(cls, lists: Sequence[Names]) -> Self:
        """All of them in a row."""
        sizes = [len(each._letters) for each in lists]
        kind = np.dtype(np.uint32 if sum(sizes) < 1 << 32 else np.int64)
        names = cls.__new__(cls)
        names._letters = b"".join(each._letters for each in lists)
        names._ends = np.zeros(1 + sum(map(len, lists)), kind)
        place, before = 1, 0
        for each, size in zip(lists, sizes, strict=True):
            names._ends[place : place + len(each)] = np.add(each._ends[1:], before, dtype=kind)
            place, before = place + len(each), before + size
        return names

    @property
    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        """All letters, and where each name ends, behind a 0."""
        return np.frombuffer(self._letters, np.uint8), self._ends

    @property
    def nbytes(self) -> int:
        """Memory taken by all names together, in bytes."""
        return len(self._letters) + self._ends.nbytes

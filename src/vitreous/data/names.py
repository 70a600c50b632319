"""A compact list of strings: a million names in two flat buffers.

A Python list of strings costs about 100 bytes a name on top of its letters, and every forked worker
that merely looks at one copies the page it lies on. One bytes object and one array of positions
cost 4 bytes a name, and nothing is written when they are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np


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

    @property
    def nbytes(self) -> int:
        """Memory taken by all names together, in bytes."""
        return len(self._letters) + self._ends.nbytes

"""Pool of batch buffers: memory is used again when the batch that lay in it is gone.

Fresh pages have to be cleared by the system each time, which for photos is a third of the work of
making a batch.
"""

from __future__ import annotations

import math
import threading
import weakref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Buffers:
    """Arrays (count, *shape) of float32, lent to tensors. May be used by several threads."""

    def __init__(self, shape: tuple[int, ...]):
        self._shape = shape
        self._memory: list[NDArray[np.float32]] = []
        self._loans: list[weakref.ref[NDArray[np.float32]]] = []  # dead: the memory is free
        self._lock = threading.Lock()

    def lend(self, count: int) -> tuple[NDArray[np.float32], Tensor]:
        """An array of any content, and a tensor of the same memory.

        The memory is lent again when no tensor or array that was made from this tensor is left; the
        array itself must not be kept.
        """
        with self._lock:
            place = self._free(count)
            memory = self._memory[place]
            loan = memory[:count]  # the tensor keeps this very object, not only its memory
            self._loans[place] = weakref.ref(loan)
        return memory[:count], torch.from_numpy(loan)

    def _free(self, count: int) -> int:
        """The place of free memory that is large enough; too small ones make way for a new one."""
        free = [place for place, loan in enumerate(self._loans) if loan() is None]
        for place in free:
            if len(self._memory[place]) >= count:
                return place
        for place in reversed(free):
            del self._memory[place], self._loans[place]
        memory = np.empty((count, *self._shape), np.float32)
        self._memory.append(memory)
        self._loans.append(weakref.ref(memory[:0]))
        return len(self._memory) - 1


class Scratch(threading.local):
    """Bytes that a thread writes, reads and forgets, each time in the same place."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[np.uint8]] = {}

    def __call__(self, use: str, count: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """An array (count, *shape) of any content, which the next call for this use takes back."""
        size = count * math.prod(shape)
        if use not in self._kept or self._kept[use].size < size:
            self._kept[use] = np.empty(size, np.uint8)
        return self._kept[use][:size].reshape(count, *shape)

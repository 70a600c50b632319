"""Batches by epoch: what a training loop asks of whatever gives it examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from vitreous.data.batches.batch import Batch


class EpochBatches(Protocol):
    """`Batches`, features of a frozen backbone, or attacked batches."""

    def __len__(self) -> int: ...

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]: ...

"""What batches ask of an augmentation; `augment.Augment` and `augment.Changes` give it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.columns import Changes
from vitreous.shapes import Images


class Change(Changes, Protocol):
    """What happens to each image of a batch, carried out on bytes or on tensors."""

    def rows(
        self, rows: NDArray[np.uint8], out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]: ...
    def images(self, images: Images) -> Images: ...


class Augmentation(Protocol):
    """What batches ask of an augmentation; `augment.Augment` is one."""

    @property
    def is_identity(self) -> bool: ...
    @property
    def mixes(self) -> bool: ...
    @property
    def num_uniforms(self) -> int: ...
    def sample(
        self,
        uniforms: NDArray[np.float64],
        source: tuple[int, int, int],
        size: tuple[int, int],
    ) -> Change: ...
    def mix(
        self, images: Images, order: NDArray[np.float64], batch: NDArray[np.float64]
    ) -> tuple[Images, Tensor, float]: ...

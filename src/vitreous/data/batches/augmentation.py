"""What batches ask of an augmentation; `augment.Augment` and `augment.Changes` give it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Protocol

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
    def draw(self, seed: int, epoch: int, keys: NDArray[np.int64]) -> NDArray[np.float64]: ...
    def sample(
        self,
        uniforms: NDArray[np.float64],
        source: tuple[int, int, int],
        size: tuple[int, int],
    ) -> Change: ...
    def mix(
        self, images: Images, order: NDArray[np.float64], batch: NDArray[np.float64]
    ) -> tuple[Images, Tensor, float]: ...


class Renewal(Protocol):
    """Makes the rows of a batch anew from targets that lie in them; `Fresh` is one."""

    def __call__(
        self, moved: Mapping[str, Any], seed: int, epoch: int, keys: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Rows (B, H, W, C), a function of these arguments alone.

        moved  what the columns gathered, moved as the images were
        keys   (B,) of the examples
        """


class Pretext(Protocol):
    """Makes targets of the images themselves; `tasks.hidden_patches.HiddenPatches` is one."""

    def __call__(
        self, images: Images, seed: int, epoch: int, keys: NDArray[np.int64]
    ) -> tuple[Images, dict[str, Tensor]]:
        """What the network is shown in place of images (B, C, H, W), and the targets that follow
        from them, a function of these arguments alone.

        keys  (B,) of the examples
        """


def keys_of(images: Images) -> NDArray[np.int64]:
    """(B,) a number for each image that depends on its pixels alone."""
    levels = (images * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    return np.array([zlib.crc32(np.ascontiguousarray(one).data) for one in levels], np.int64)

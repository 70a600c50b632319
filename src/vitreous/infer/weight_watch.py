"""A watch over weights: has a network been changed since something was made from it?

What was made from it would go on to answer as the network did before.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SAMPLED = 16  # numbers of each tensor, evenly spread over it


class WeightWatch:
    """What was seen of a network when the watch began."""

    def __init__(self, network: nn.Module) -> None:
        self.versions = _versions(network)
        # Whoever writes through `.data` changes no version: some numbers are looked at as well.
        self.samples = [_sample(tensor) for tensor in _tensors(network)]
        self.numbers = self._read()

    def holds(self, network: nn.Module) -> bool:
        """Is it the network that was seen, unchanged, and does nothing look on or intervene?"""
        return (
            not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
            and _versions(network) == self.versions
            and bool(np.array_equal(self._read(), self.numbers))
        )

    def _read(self) -> NDArray[np.uint8]:
        return np.concatenate(
            [np.empty(0, np.uint8), *(found.reshape(-1) for found in self.samples)]
        )


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()


def _versions(network: nn.Module) -> list[tuple[int, int]]:
    return [
        (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)
        for tensor in _tensors(network)
    ]


def _sample(tensor: Tensor) -> NDArray[np.uint8]:
    """Bytes of some of its numbers, in its own memory: they change as it does."""
    flat = torch.empty(0, dtype=torch.uint8).set_(tensor.detach().untyped_storage()).numpy()
    size = tensor.element_size()
    count = len(flat) // size
    return flat[: count * size].reshape(count, size)[:: max(1, count // SAMPLED)]
